"""Quote a value for its position in shell text, so that the shell reads it literally."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import Enum

from trainui.errors import UsageError


class QuotingContext(Enum):
    """Contexts in shell text that need different quoting."""

    BARE = "bare"
    """Outside quotes, including inside `$(...)`."""
    DOUBLE = "double"
    """Between double quotes."""
    DOUBLE_BRACE = "double-brace"
    """In the shell's `${...}` inside double quotes."""
    SINGLE = "single"
    """Between single quotes."""
    ANSI = "ansi"
    """Between `$'` and `'`."""
    HERE = "here"
    """In a here-document in which the shell expands variables."""
    HERE_RAW = "here-raw"
    """In a here-document whose delimiter is quoted."""
    HERE_BRACE = "here-brace"
    """In the shell's `${...}` in a here-document: substitution is not possible."""
    COMMENT = "comment"
    """Between `#` and the end of the line."""
    BACKTICK = "backtick"
    """Between backticks, where quoting is nested: substitution is not possible."""
    ESCAPED = "escaped"
    """Right after a backslash: substitution is not possible."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The position of a variable in shell text."""

    place: QuotingContext
    delimiter: str = ""
    """Terminator line of the surrounding here-document."""


UNFIT = {
    QuotingContext.BACKTICK: "write $(...) instead of the backticks around it",
    QuotingContext.ESCAPED: (
        "remove the backslash before it; the shell's own braces are written $${NAME}"
    ),
    QuotingContext.HERE_BRACE: "move it out of the shell's braces",
}
"""Contexts in which substitution is not possible, with advice."""

_SPECIAL = {
    QuotingContext.ANSI: re.compile(r"([\\'])"),
    QuotingContext.DOUBLE: re.compile(r'([\\$`"])'),
    QuotingContext.DOUBLE_BRACE: re.compile(r'([\\$`"])'),
    QuotingContext.HERE: re.compile(r"([\\$`])"),
}
"""Characters to escape with a backslash, by context."""

_SEPARATORS = {
    QuotingContext.DOUBLE: '" "',
    QuotingContext.SINGLE: "' '",
    QuotingContext.ANSI: "' $'",
}


def quote(value: str, spot: Spot) -> str:
    """Quote a value so that the shell reads it literally.

    Raises:
        UsageError: the value contains the terminator of the surrounding here-document.
    """
    if spot.delimiter and spot.delimiter in (line.strip("\t") for line in value.split("\n")):
        raise UsageError(
            f"a value contains {spot.delimiter!r}, which would end the here-document around it; "
            "give the here-document another delimiter"
        )
    if spot.place is QuotingContext.BARE:
        return shlex.quote(value)
    if spot.place is QuotingContext.SINGLE:
        return value.replace("'", "'\\''")
    if spot.place is QuotingContext.COMMENT:
        return value.replace("\n", " ")
    special = _SPECIAL.get(spot.place)
    written = special.sub(r"\\\1", value) if special else value
    # in such braces a single quote would open a quoted string, but not inside inner double quotes
    return f'"{written}"' if spot.place is QuotingContext.DOUBLE_BRACE else written


def separator(spot: Spot) -> str:
    """Return the text to put between two values to make them separate words."""
    return _SEPARATORS.get(spot.place, " ")
