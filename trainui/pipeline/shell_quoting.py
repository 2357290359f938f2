"""How a value is written at a spot of shell text so that it means itself there."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import Enum

from trainui.errors import UsageError


class Place(Enum):
    """The kinds of places in shell text that need different quoting."""

    BARE = "bare"
    """Outside of quotes, also within `$(...)`."""
    DOUBLE = "double"
    """Between double quotes."""
    DOUBLE_BRACE = "double-brace"
    """In the shell's `${...}` between double quotes."""
    SINGLE = "single"
    """Between single quotes."""
    ANSI = "ansi"
    """Between `$'` and `'`."""
    HERE = "here"
    """In a here-document in which the shell replaces variables."""
    HERE_RAW = "here-raw"
    """In a here-document whose delimiter is quoted."""
    HERE_BRACE = "here-brace"
    """In the shell's `${...}` in a here-document: no value can be put there."""
    COMMENT = "comment"
    """Between `#` and the end of the line."""
    BACKTICK = "backtick"
    """Between backticks, where quoting has layers: no value can be put there."""
    ESCAPED = "escaped"
    """Right after a backslash: no value can be put there."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The place of one variable."""

    place: Place
    delimiter: str = ""
    """The line that ends the here-document around it."""


UNFIT = {
    Place.BACKTICK: "write $(...) instead of the backticks around it",
    Place.ESCAPED: "take out the backslash before it; the shell's own braces are written $${NAME}",
    Place.HERE_BRACE: "take it out of the shell's braces",
}
"""Places where no value can be put, with what to do."""

_SPECIAL = {
    Place.ANSI: re.compile(r"([\\'])"),
    Place.DOUBLE: re.compile(r'([\\$`"])'),
    Place.DOUBLE_BRACE: re.compile(r'([\\$`"])'),
    Place.HERE: re.compile(r"([\\$`])"),
}
"""What a backslash makes ordinary, by place."""

_SEPARATORS = {Place.DOUBLE: '" "', Place.SINGLE: "' '", Place.ANSI: "' $'"}


def quote(value: str, spot: Spot) -> str:
    """Write a value so that it means itself.

    Raises:
        UsageError: it would end the here-document that it is put into.
    """
    if spot.delimiter and spot.delimiter in (line.strip("\t") for line in value.split("\n")):
        raise UsageError(
            f"a value holds {spot.delimiter!r}, which would end the here-document that it is put "
            "into; give the here-document another delimiter"
        )
    if spot.place is Place.BARE:
        return shlex.quote(value)
    if spot.place is Place.SINGLE:
        return value.replace("'", "'\\''")
    if spot.place is Place.COMMENT:
        return value.replace("\n", " ")
    special = _SPECIAL.get(spot.place)
    written = special.sub(r"\\\1", value) if special else value
    # within such braces a lone single quote would wait for another, but not within inner quotes
    return f'"{written}"' if spot.place is Place.DOUBLE_BRACE else written


def separator(spot: Spot) -> str:
    """Return what between two values makes them two words."""
    return _SEPARATORS.get(spot.place, " ")
