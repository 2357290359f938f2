"""A line filter that replaces Unicode by printable ASCII, for terminals and fonts without it.

Each character is replaced by as many ASCII characters as it has cells, so the layout is unchanged.
The filter runs on rendered lines; no widget knows of it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

NO_UNICODE_TERMINALS = ("linux", "vt100", "vt220", "dumb")
"""Values of TERM for terminals without braille characters."""

_SIGNS = {
    "○": "o", "◔": "q", "●": "*", "✓": "+", "✗": "x", "⊘": "/", "↯": "&", "▣": "B", "–": "-",
    "…": "~", "›": ">", "▲": "^", "‖": "=", "→": ">", "←": "<", "↑": "^", "↓": "v", "↻": "@",
    "▶": ">", "▸": ">", "▾": "v", "▼": "v", "◀": "<", "⇧": "^", "·": ".", "•": "*", "°": "'",
    "×": "x", "±": "~", "−": "-", "—": "-", "█": "#", "▇": "#", "▆": "#", "▅": "#", "▄": "#",
    "▃": "-", "▂": "_", "▁": "_", "░": ".", "▒": ":", "▓": "%", "■": "#", "□": "D", "◆": "@",
    "◌": "?", "⊣": "|", "▴": "^", "▌": "|", "▎": "|", "▐": "|", "△": "A", "▽": "V",
    "◇": "%", "★": "$", "☆": "X", "«": "<", "»": ">", "‘": "'", "’": "'", "“": '"', "”": '"',
}  # fmt: skip
_LOWER_DOTS, _UPPER_DOTS = 0b11000000 | 0b00100100, 0b00001001 | 0b00010010
"""Bit masks of a braille character's two lower and two upper rows of dots."""


def is_wanted(setting: bool | None, environ: Mapping[str, str]) -> bool:
    """Return True for ASCII only: the setting decides, else TERM and the locale."""
    if setting is not None:
        return setting
    if environ.get("TERM") in NO_UNICODE_TERMINALS:
        return True
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    return locale in ("C", "POSIX") or ("." in locale and "utf" not in locale.casefold())


class AsciiFilter(LineFilter):
    """Converts rendered lines to ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Return the segments in ASCII, at unchanged widths."""
        return [
            segment
            if segment.text.isascii()
            else Segment("".join(map(plain, segment.text)), segment.style, segment.control)
            for segment in segments
        ]


@lru_cache(maxsize=4096)
def plain(character: str) -> str:
    """Return the ASCII replacement of a character, as wide as the character."""
    if character.isascii():
        return character
    if sign := _SIGNS.get(character):
        return sign
    code = ord(character)
    if 0x2800 <= code < 0x2900:
        return _braille(code - 0x2800)
    if 0x2500 <= code < 0x2580:
        return _box(character)
    base = unicodedata.normalize("NFKD", character)[0]
    return base if base.isascii() and base.isprintable() else "?" * cell_len(character)


def _braille(bits: int) -> str:
    """Return an ASCII character with its ink about where the dots are."""
    lower, upper = bits & _LOWER_DOTS, bits & _UPPER_DOTS
    if lower and upper:
        return ":" if bits.bit_count() < 5 else "#"
    return "." if lower else "'" if upper else " "


def _box(character: str) -> str:
    name = unicodedata.name(character)
    if "DIAGONAL" in name:
        return {"╱": "/", "╲": "\\"}.get(character, "X")
    flat = any(word in name for word in ("HORIZONTAL", "LEFT", "RIGHT"))
    upright = any(word in name for word in ("VERTICAL", "UP", "DOWN"))
    return "+" if flat and upright else "|" if not flat else "=" if "HEAVY" in name else "-"
