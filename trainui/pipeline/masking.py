"""Mask secrets: the values of variables and parameters whose names look secret.

By name in a mapping (`mask`), and by value in any text that trainui writes (`Masker`).

A submitted pipeline is stored without them (`conceal`): it has the variable (`${params.api_key}`),
or a mask; the values are stored with the run's environment, which only its owner can read.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, fields, replace
from functools import lru_cache
from itertools import accumulate
from urllib.parse import quote, quote_plus

from trainui.model.definition import Json, Pipeline, StageDefinition
from trainui.record import dataclass

MASK = "***"
"""Replaces a secret."""

SHORTEST = 6
"""Minimum length of a value to mask in texts; shorter ones would match ordinary words."""

SHORTEST_PART = 12
"""Minimum length of a value to find across line breaks, and of a line of a value to mask alone:
shorter ones would match numbers in columns."""

_SECRET = re.compile(r"key|token|secret|password")

_ORDINARY = re.compile(r"token(iz|is).*|key(word|point|frame|board)s?")
"""Words of models that contain those of secrets: `tokenizer`, `keypoints`."""

_COUNTS = frozenset({"bos", "cls", "eos", "mask", "max", "min", "n", "num", "pad", "sep", "unk"})
"""Words before `token` or `key` in names of models: `pad_token_id`, `num_key_value_heads`."""

_OWNERS = frozenset({"access", "api", "auth", "bearer", "bot", "github", "gitlab", "hf", "refresh"})
"""Words before `tokens` in names of secrets; others are lengths of texts: `max_new_tokens`."""

_BETWEEN_WORDS = re.compile(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])")


@lru_cache(maxsize=4096)  # each stage of a sweep has the names of the shell's environment
def is_secret(name: str) -> bool:
    """Return True if a name looks secret: `*KEY*`, `*TOKEN*`, ..., ignoring case.

    Names of what models count, e.g. `max_tokens`, do not.
    """
    words = _BETWEEN_WORDS.sub(" ", name).lower().split()
    found = map(_is_secret, words, ["", *words])
    return any(found) if not name.isupper() else any(found) or _names_tokens(words)


def _is_secret(word: str, before: str) -> bool:
    if not _SECRET.search(word) or _ORDINARY.fullmatch(word):
        return False
    if word == "tokens":
        return before in _OWNERS
    return word not in ("key", "keys", "token") or before not in _COUNTS


def _names_tokens(words: Sequence[str]) -> bool:
    """Return True for `OPENAI_TOKENS`: a variable's name, unlike a parameter's, is no length."""
    return "tokens" in words and not _COUNTS.intersection(words)


def mask(values: Mapping[str, Json]) -> dict[str, Json]:
    """Return variables or parameters with secret values masked, including nested ones."""
    return {name: MASK if is_secret(name) else _masked(value) for name, value in values.items()}


class Masker:
    """Masks known secret values in texts, as they are and in the forms of `_forms`.

    Masking again changes nothing. Values that overlap or contain each other become one mask.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Mask these values, except those that are shorter than `SHORTEST`."""
        self._literals, self._long = _literals(frozenset(secrets))

    @classmethod
    def of(cls, *values: Mapping[str, Json]) -> Masker:
        """Return a masker of the values, also nested ones, whose names look secret."""
        return cls(secret for one in values for secret in secrets_of(one))

    def text(self, text: str) -> str:
        """Return a text, which may have several lines, with the secrets masked."""
        spans = [*_spans(text, self._literals), *self._spans_over_lines(text)]
        if not spans:
            return text
        shown, at = [], 0
        for start, end in sorted(spans):
            if start >= at:
                shown += [text[at:start], MASK]
            at = max(at, end)
        return "".join([*shown, text[at:]])

    def texts(self, texts: Iterable[str]) -> list[str]:
        """Return texts that are independent of each other, with the secrets masked."""
        return [self.text(text) for text in texts]

    def command(self, command: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        """Return a command, shell text or words, with the secrets masked."""
        if isinstance(command, str):
            return self.text(command)
        return command and tuple(self.texts(command))

    def values(self, values: Mapping[str, Json]) -> dict[str, Json]:
        """Return variables or parameters masked by name (`mask`) and by value."""
        return {name: self.value(value) for name, value in mask(values).items()}

    def value(self, value: Json) -> Json:
        """Return a JSON value with the secrets masked in its texts and names."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(name): self.value(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value

    def _spans_over_lines(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where secrets are that were broken into lines, or coloured in parts."""
        breaks = [found.span() for found in _BREAKS.finditer(text)] if self._long else []
        if not breaks:
            return
        starts = [0, *(end for _, end in breaks)]
        ends = [*(start for start, _ in breaks), len(text)]
        parts = [text[start:end] for start, end in zip(starts, ends, strict=True)]
        places = list(accumulate(map(len, parts), initial=0))[:-1]  # of the parts, joined
        for start, end in _spans("".join(parts), self._long):
            first, last = bisect_right(places, start) - 1, bisect_right(places, end - 1) - 1
            yield starts[first] + start - places[first], starts[last] + end - places[last]


_BREAKS = re.compile(r"(?:\\[nrt]|[\s|│┃\\]|\x1b\[[0-9;]*m)+")
"""Text that may be inside of a secret that was broken into lines, or coloured: blanks, the frame of
a table, a shell's backslash. A blank of the secret may be missing where a line ends."""

_IN_BASE64 = re.compile(r"[A-Za-z0-9+/=_-]")

_PERCENT = re.compile("%[0-9A-F]{2}")


def _spans(text: str, literals: Iterable[tuple[str, bool]]) -> Iterator[tuple[int, int]]:
    for literal, in_base64 in literals:
        at = text.find(literal)
        while at >= 0:
            end = at + len(literal)
            if in_base64:  # a character on each side has bits of the secret, too
                start = at - bool(at and _IN_BASE64.match(text, at - 1))
                yield start, end + bool(_IN_BASE64.match(text, end))
            else:
                yield at, end
            at = text.find(literal, end)


@lru_cache(maxsize=64)
def _literals(
    secrets: frozenset[str],
) -> tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]]:
    """Return the texts to search for, and those of them that may be broken into lines.

    True beside a text: it is a part of base64.
    """
    found: dict[tuple[str, bool], None] = {}
    long: dict[tuple[str, bool], None] = {}
    for secret in sorted(secrets):
        lines = [line.strip() for line in secret.splitlines()] if "\n" in secret else []
        parts = [line for line in lines if len(line) >= SHORTEST_PART]
        for value in (secret, *parts) if len(secret.strip()) >= SHORTEST else ():
            forms = dict.fromkeys([*((one, False) for one in _forms(value)), *_base64(value)])
            found |= forms
            if len(value) >= SHORTEST_PART:
                long |= {(_BREAKS.sub("", text), False): None for text, _ in forms}
    return tuple(found), tuple(long)


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it is and as shells, YAML, URLs, HTML, Python and JSON write it."""
    raw = secret.encode("utf-8", "surrogateescape")
    plain = raw.decode("utf-8", "replace")
    inner = secret.replace("'", "'\\''")
    forms = [secret, plain, shlex.quote(secret)[1:-1] if "'" in secret else secret, inner]
    forms += [secret.replace("'", "''"), re.sub(r"([^\w@%+=:,./-])", r"\\\1", secret)]
    urls = [quote(raw, safe=""), quote(raw), quote_plus(raw)]
    forms += [*urls, *(_PERCENT.sub(lambda found: found[0].lower(), url) for url in urls)]
    forms += [html.escape(plain), html.escape(plain, quote=False)]
    yield from forms
    yield from (repr(secret)[1:-1], repr(raw)[2:-1])
    for form in forms:
        yield json.dumps(form)[1:-1]
        yield json.dumps(form, ensure_ascii=False)[1:-1]


def _base64(secret: str) -> Iterator[tuple[str, bool]]:
    """Yield the part of base64 that a secret decides, at each place in a longer text.

    So `user:PASSWORD` in the header of a request is found, too.
    """
    raw = secret.encode("utf-8", "surrogateescape")
    for before in range(3):
        data = bytes(before) + raw
        first, last = -(-before * 8 // 6), len(data) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(data)[first:last].decode(), True


def mask_text(text: str, values: Mapping[str, Json]) -> str:
    """Return a text, e.g. a command, with the secret values of `values` masked."""
    return Masker.of(values).text(text)


def mask_command(
    command: str | tuple[str, ...] | None, values: Mapping[str, Json]
) -> str | tuple[str, ...] | None:
    """Return a command, shell text or words, with the secret values of `values` masked."""
    return Masker.of(values).command(command)


def secrets_of(value: Json, *, secret: bool = False) -> Iterator[str]:
    """Yield the values, including nested ones, whose names look secret; all if `secret`."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        if secret:
            yield str(value)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from secrets_of(item, secret=secret or is_secret(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secrets_of(item, secret=secret)


_ASSIGNMENT = re.compile(
    r"""(?<![\w.$/-])([A-Z_][A-Z0-9_]*)=("[^"$]+"|'[^']+'|[^\s;&|()<>`'"$]+)"""
)
_ASSIGNED_WORD = re.compile(r"([A-Z_][A-Z0-9_]*)=([^$]+)", re.DOTALL)


_SECRET_OPTION = (
    r"(?:[\w.-]*[._-])?(?:password|passwd|passphrase|secret|credentials?|token|"
    r"(?:api|access|auth|account|client|encryption|license|private|secret|service|subscription|"
    r"openai|hf)[_-]?key)"
)
"""The end of an option's name decides: `--image-key` and `--key-column` name what is public."""

_OPTION = re.compile(
    rf"""(?i)(?<![\w$./-])(?:--?({_SECRET_OPTION})(?:=|(?:[ \t]|\\\n)+)|({_SECRET_OPTION})=)"""
    r"""("[^"$]+"|'[^']+'|[^\s;&|()<>`'"${}\[\],]+)"""
)
_OPTION_WORD = re.compile(
    rf"--?({_SECRET_OPTION})(?:=(.+))?|({_SECRET_OPTION})=(.+)", re.IGNORECASE | re.DOTALL
)
_IN_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"$]*:([^\s/@'\"$]+)@")
_AUTHORIZATION = re.compile(r"(?i)\bauthorization: *(?:bearer|basic|token) +([^\s'\"$]+)")

_PUBLIC = re.compile(r"-.*|[\d.,_]+|true|false|none|null|<.*|.*\$.*", re.IGNORECASE | re.DOTALL)
"""Values of such options that are no secrets: other options, numbers, special tokens, variables."""

_SPECIAL_TOKEN = re.compile(
    r"(?i)(^|[._-])(bos|class|cls|end|eos|image|instance|mask|max|new|num|pad|placeholder|prompt|sep|"
    r"sos|special|start|stop|trigger|unk)[_-]?token$"
)


def assigned(command: str | Sequence[str] | None) -> dict[str, str]:
    """Return what a command has under names: its variables, and its secrets.

    `API_KEY=... python train.py` sets a variable. Secrets are also the values of options
    (`--api-key VALUE`, `a.api_key=VALUE`), passwords in addresses, and what an `Authorization`
    header has.
    """
    if command is None:
        return {}
    if isinstance(command, str):
        found = {one[1]: _unquoted(one[2]) for one in _ASSIGNMENT.finditer(command)}
        return found | _secrets_in(command)
    found = {one[1]: one[2] for one in map(_ASSIGNED_WORD.fullmatch, command) if one is not None}
    for word, after in zip(command, [*command[1:], ""], strict=True):
        if (one := _OPTION_WORD.fullmatch(word)) is not None:
            found |= _secret(one[1] or one[3], one[2] or one[4] or after)
        else:  # it may be a line for a shell
            found |= _secrets_in(word)
    return found


def _secrets_in(line: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in _OPTION.finditer(line):
        found |= _secret(one[1] or one[2], _unquoted(one[3]))
    for number, one in enumerate(_IN_ADDRESS.finditer(line)):
        found |= _secret(f"password {number} of an address", one[1])
    for number, one in enumerate(_AUTHORIZATION.finditer(line)):
        found |= _secret(f"token {number} of a header", one[1])
    return found


def _secret(name: str, value: str) -> dict[str, str]:
    if not value or _PUBLIC.fullmatch(value) or _SPECIAL_TOKEN.search(name):
        return {}
    return {name if is_secret(name) else f"secret {name}": value}


def _unquoted(value: str) -> str:
    return value.strip("\"'")


def _masked(value: Json) -> Json:
    if isinstance(value, Mapping):
        return mask(value)
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets removed from a pipeline."""

    params: Mapping[str, Json] = field(default_factory=dict)
    """The pipeline's own secret parameters."""
    stages: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Full name of a stage -> the complete fields of its definition that contained a secret."""

    def reveal(self, definition: StageDefinition) -> StageDefinition:
        """Return a stored definition with its secrets restored."""
        each = definition.each_checkpoint
        taken = self.stages.get((each and each.member_of) or definition.name)
        return StageDefinition.from_json({**definition.to_json(), **taken}) if taken else definition


def conceal(
    pipeline: Pipeline, as_written: Pipeline, environ: Mapping[str, str]
) -> tuple[Pipeline, Secrets]:
    """Return a pipeline without its secrets, for storage, and the secrets.

    In `as_written`, its secret parameters are not substituted. Secrets of the submitting shell's
    environment are masked, too.
    """
    masker = Masker(known(pipeline, environ))
    stages = []
    taken: dict[str, Mapping[str, Json]] = {}
    for real, written in zip(pipeline.stages, as_written.stages, strict=True):
        stages.append(_concealed(real, written, masker))
        if changed := _taken(real, stages[-1]):
            taken[real.name] = changed
    params = masker.values(pipeline.params)
    secret = {name: value for name, value in pipeline.params.items() if params[name] != value}
    text = masker.text(pipeline.text)
    stored = replace(pipeline, params=params, text=text, stages=tuple(stages))
    return stored, Secrets(secret, taken)


def known(pipeline: Pipeline, environ: Mapping[str, str]) -> set[str]:
    """Return the secret values of a pipeline and of an environment."""
    own = [values for stage in pipeline.stages for values in (stage.env, stage.params)]
    for stage in pipeline.stages:
        own += [assigned(stage.command), assigned(stage.resume_run)]
    return {secret for values in (environ, pipeline.params, *own) for secret in secrets_of(values)}


def _concealed(real: StageDefinition, written: StageDefinition, masker: Masker) -> StageDefinition:
    """Mask what only the process reads; keep paths and patterns, which trainui also needs."""
    return replace(
        real,
        command=masker.command(written.command),
        resume_args=written.resume_args and tuple(masker.texts(written.resume_args)),
        resume_run=masker.command(written.resume_run),
        params=masker.values(written.params),
        env={name: str(value) for name, value in masker.values(written.env).items()},
    )


def _taken(real: StageDefinition, stored: StageDefinition) -> dict[str, Json]:
    """Return the fields that are not the same in both."""
    names = [
        one.name for one in fields(real) if getattr(real, one.name) != getattr(stored, one.name)
    ]
    values = real.to_json() if names else {}
    return {name: values[name] for name in names}
