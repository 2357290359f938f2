"""Text with `${...}` in it, taken apart and put together again.

`$${` is a written-out `${`; every other dollar sign is text, the shell's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

DOLLAR = "$"
"""The one variable that we alone write: `${$}`, a dollar sign that stands before a variable."""

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}\n]*)(\}?)")


@dataclass(frozen=True, slots=True)
class Variable:
    """One `${...}`."""

    name: str
    """What stands between the braces."""

    closed: bool = True
    """Whether the closing brace is there."""

    def __str__(self) -> str:
        return f"${{{self.name}" + ("}" if self.closed else "")

    @property
    def kind(self) -> str:
        """Its first word: `params`, `matrix`, `env`, `stages`, `run_dir`, ..."""
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """What follows the first dot."""
        return self.name.partition(".")[2]


Template = tuple[str | Variable, ...]
"""Texts, as they will read, and variables, in order."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Template:
    """Take a text apart."""
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
    """Return the variable that is the whole text; None: there is more, or none."""
    parts = parse(text) if text.startswith("${") else ()
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Variable) else None


def join(parts: Iterable[str | Variable]) -> Template:
    """Return the parts with neighbouring texts made one and empty ones left out."""
    joined: list[str | Variable] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)


def unparse(parts: Iterable[str | Variable]) -> str:
    """Return the text that `parse` takes apart into these parts."""
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
    """Return a text in which nothing is filled in, and which reads as `text` once filled."""
    return unparse((text,))


def _with_dollars_apart(text: str) -> str:
    """Dollar signs right before a variable would read as `$${`."""
    bare = text.rstrip("$")
    return bare + f"${{{DOLLAR}}}" * (len(text) - len(bare))


def _token(match: re.Match[str]) -> str | Variable:
    if match.group(1) is None:
        return "${"
    if match.group(1) == DOLLAR:
        return DOLLAR
    return Variable(match.group(1), closed=bool(match.group(2)))
