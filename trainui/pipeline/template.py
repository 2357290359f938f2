"""Text with `${...}` variables, parsed into parts and back, and the values of `${params.NAME}`.

`$${` is an escaped `${`; every other dollar sign is literal text, left to the shell.

A parameter's value is that of the file's `params`, overridden by `-p`, and kept as text. `-p`
inherits the quoting of the file: if the value in the file has no quotes, a task argument
`${params.epochs}` gets the number 3 from `-p epochs=3`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as AnyMapping
from dataclasses import field
from functools import lru_cache

from trainui.errors import UsageError
from trainui.model.definition import Json
from trainui.pipeline.yaml_nodes import Mapping, Problems, Scalar, did_you_mean, is_sound, quoted
from trainui.record import dataclass

MOST_NAMED = 20
"""Maximum number of names that a message lists."""

DOLLAR = "$"
"""Name of the internal variable `${$}`: a dollar sign right before another variable."""

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}\n]*)(\}?)")


@dataclass(frozen=True, slots=True)
class Variable:
    """One `${...}`."""

    name: str
    """The text between the braces."""
    closed: bool = True
    """False if the closing brace is missing."""

    def __str__(self) -> str:
        return f"${{{self.name}" + ("}" if self.closed else "")

    @property
    def kind(self) -> str:
        """The part before the first dot: `params`, `matrix`, `env`, `stages`, `run_dir`, ..."""
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """The part after the first dot."""
        return self.name.partition(".")[2]


Template = tuple[str | Variable, ...]
"""Literal texts (unescaped) and variables, in order."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Template:
    """Split a text into literal parts and variables."""
    parts: list[str | Variable] = []
    position = 0
    for match in _TOKEN.finditer(text):
        parts.append(text[position : match.start()])
        position = match.end()
        parts.append(_token(match))
    parts.append(text[position:])
    return join(parts)


def variables(text: str) -> tuple[Variable, ...]:
    """Return the variables of a text, in order."""
    if "${" not in text:
        return ()
    return tuple(part for part in parse(text) if isinstance(part, Variable))


def only_variable(text: str) -> Variable | None:
    """Return the variable if it is the whole text; otherwise None."""
    parts = parse(text) if text.startswith("${") else ()
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Variable) else None


def join(parts: Iterable[str | Variable]) -> Template:
    """Return the parts with adjacent texts merged and empty ones removed."""
    joined: list[str | Variable] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)


def unparse(parts: Iterable[str | Variable]) -> str:
    """Return the text from which `parse` makes these parts (its inverse)."""
    written: list[str] = []
    for part in parts:
        if isinstance(part, str):
            written.append(part.replace("${", "$${"))
            continue
        if written:
            written[-1] = _with_dollars_apart(written[-1])
        written.append(str(part))
    return "".join(written)


def escape(text: str) -> str:
    """Escape a text so that substitution returns it unchanged."""
    return unparse((text,))


def map_texts(value: Json, change: Callable[[str], Json]) -> Json:
    """Return a JSON value in which each text is changed, except keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_texts(item, change) for item in value]
    if isinstance(value, dict):
        return {key: map_texts(item, change) for key, item in value.items()}
    return value


def _with_dollars_apart(text: str) -> str:
    """Protect dollar signs right before a variable, which would be read as `$${`."""
    bare = text.rstrip("$")
    return bare + f"${{{DOLLAR}}}" * (len(text) - len(bare))


def _token(match: re.Match[str]) -> str | Variable:
    if match.group(1) is None:
        return "${"
    if match.group(1) == DOLLAR:
        return DOLLAR
    return Variable(match.group(1), closed=bool(match.group(2)))


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one pipeline."""

    values: AnyMapping[str, Scalar] = field(default_factory=dict)
    """Name -> value, which may contain `${...}`. Parameters that have no value yet are absent."""
    declared: frozenset[str] = frozenset()
    """The names of all parameters."""

    def expand(self, scalar: Scalar) -> Scalar | None:
        """Substitute parameters in a value that may contain no other variables.

        Returns:
            the value, as if written without quotes; None: it contains another variable, or a
            parameter whose value is not fixed.
        """
        if "${" not in scalar.text:
            return scalar
        written: list[str] = []
        for part in parse(scalar.text):
            text = part if isinstance(part, str) else self._fixed(part)
            if text is None:
                return None
            written.append(text)
        return Scalar("".join(written), plain=True, mark=scalar.mark)

    def typed(self, text: str) -> Json:
        """Return a task argument: a typed value if the text is exactly one parameter.

        Raises:
            ValueError: the parameter's value is a number that JSON cannot represent.
        """
        variable = only_variable(text)
        if variable is None or variable.kind != "params" or variable.key not in self.values:
            return text
        value = self.values[variable.key].value
        return text if isinstance(value, str) else value

    def awaits(self, scalar: Scalar) -> bool:
        """Return True if a value contains a parameter that has no value yet."""
        used = {one.key for one in variables(scalar.text) if one.kind == "params"}
        return bool(used & (self.declared - self.values.keys()))

    def texts(self) -> dict[str, str]:
        """Return the text of every value."""
        return {name: value.text for name, value in self.values.items()}

    def _fixed(self, variable: Variable) -> str | None:
        value = self.values.get(variable.key) if variable.kind == "params" else None
        if value is None or variables(value.text):
            return None
        return "".join(str(part) for part in parse(value.text))


def collect_parameters(
    declared: Mapping, given: AnyMapping[str, str], problems: Problems, *, complete: bool = True
) -> Parameters:
    """Return the parameters: the file's, overridden by `-p`.

    If `complete`, a parameter without a value is a problem.
    """
    values: dict[str, Scalar] = {}
    for name, entry in declared.entries.items():
        value = entry.value
        if not isinstance(value, Scalar):
            continue  # the spec reports it
        if name in given:
            values[name] = Scalar(escape(given[name]), value.plain, value.mark)
        elif not value.is_null:
            values[name] = value
        elif complete:
            message = f"the parameter {quoted(name)} has no value; give it with -p {name}=VALUE"
            problems.add(entry.key.mark, "missing-param", message)
    _check_given(declared, given, problems)
    return Parameters(values, frozenset(declared.entries))


def _check_given(declared: Mapping, given: AnyMapping[str, str], problems: Problems) -> None:
    for name, text in given.items():
        if name not in declared.entries:
            known = ", ".join(list(declared.entries)[:MOST_NAMED])
            near = did_you_mean(name, declared.entries) or (f"; it has {known}" if known else "")
            message = f"-p: the file declares no parameter {quoted(name)} under params{near}"
            problems.add(declared.mark, "unknown-param", message)
        if not is_sound(text):
            message = f"-p: the value of {quoted(name)} is not UTF-8 text, or contains NUL"
            problems.add(declared.mark, "bad-text", message)


def parameters_from_words(words: Iterable[str]) -> dict[str, str]:
    """Return the values given as `KEY=VALUE`; the last value of a key wins.

    Raises:
        UsageError: a word has no `=`, or no key.
    """
    given = {}
    for word in words:
        key, separator, value = word.partition("=")
        if not separator or not key:
            raise UsageError(f"parameter {word!r} is not KEY=VALUE, e.g. lr=0.1")
        given[key] = value
    return given
