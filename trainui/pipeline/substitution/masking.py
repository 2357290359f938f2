"""Mask secrets: the values of variables and parameters whose names look secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from trainui.domain.definition import Json

MASK = "***"
"""Replaces a secret."""

SHORTEST = 6
"""Minimum length of a value to mask in texts; shorter ones would match ordinary words."""

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


def mask_text(text: str, values: Mapping[str, Json]) -> str:
    """Return a text, e.g. a command, with the secret values of `values` masked."""
    return mask_texts([text], values)[0]


def mask_texts(texts: Iterable[str], values: Mapping[str, Json]) -> list[str]:
    """Return texts with the secret values of `values` masked."""
    found = {secret for secret in _secrets(values) if len(secret) >= SHORTEST}
    longest_first = sorted(found, key=len, reverse=True)
    return [_without(longest_first, text) for text in texts]


def mask_command(
    command: str | tuple[str, ...] | None, values: Mapping[str, Json]
) -> str | tuple[str, ...] | None:
    """Return a command, shell text or words, with the secret values of `values` masked."""
    if isinstance(command, str):
        return mask_text(command, values)
    return command and tuple(mask_texts(command, values))


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _secrets(value: Json, *, secret: bool = False) -> Iterator[str]:
    """Yield the secret texts, including nested ones."""
    if isinstance(value, str):
        if secret:
            yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _secrets(item, secret=secret or is_secret(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item, secret=secret)


def _masked(value: Json) -> Json:
    if isinstance(value, Mapping):
        return mask(value)
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value
