"""Parse text with `${...}` variables into parts, and convert parts back to text.

`$${` is an escaped `${`; every other dollar sign is literal text, left to the shell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from trainui.model.definition import Json

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
