"""Colours of logs: SGR sequences are kept, all other terminal control sequences are removed.

The name of a style is `sgr:` and the parameters in force, e.g. `sgr:1;31`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.color import Color
from rich.style import Style

from trainui.text import harmless
from trainui.tui.render.styled_text import Row, Segment

PREFIX = "sgr:"

TAB = 8
"""Distance of tab stops in characters."""

_SGR = re.compile(r"\x1b\[([0-9;:]*)m")

_ATTRIBUTES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_ENDS = {22: (1, 2), 23: (3,), 24: (4,), 27: (7,), 29: (9,)}


def coloured(text: str) -> Row:
    """Return a line of a log as styled text, safe to print."""
    if "\x1b" not in text and "\t" not in text:
        return (Segment(harmless(text).rstrip()),)
    pieces = _SGR.split(text.rstrip())
    spans = []
    style, used = "", 0
    for number, piece in enumerate(pieces):
        if number % 2:
            style = _after(style, piece)
            continue
        shown = _expanded(harmless(piece), used)
        used += len(shown)
        if shown:
            spans.append(Segment(shown, PREFIX + style if style else ""))
    return tuple(spans) or (Segment(""),)


def _expanded(text: str, used: int) -> str:
    """Expand tabs in a text that starts at column `used`."""
    if "\t" not in text:
        return text
    before = used % TAB
    return (" " * before + text).expandtabs(TAB)[before:]


@lru_cache(maxsize=512)
def _after(style: str, sequence: str) -> str:
    """Return the parameters in force after another SGR sequence."""
    codes = [int(code) if code else 0 for code in style.split(";")] if style else []
    new = [int(code or 0) for code in re.split("[;:]", sequence)]
    while new:
        code = new.pop(0)
        if code in (38, 48):
            codes = [*_without(codes, code), *_colour(code, new)]
        elif code == 0:
            codes = []
        else:
            codes = _with(codes, code)
    return ";".join(map(str, codes))


def _colour(code: int, rest: list[int]) -> list[int]:
    """Consume an extended colour's parameters after 38 or 48: `5;N` or `2;R;G;B`."""
    count = {5: 2, 2: 4}.get(rest[0] if rest else 0, 0)
    taken, rest[:count] = rest[:count], []
    whole = count and len(taken) == count and all(value <= 255 for value in taken)
    return [code, *taken] if whole else []


def _with(codes: list[int], code: int) -> list[int]:
    if code in _ATTRIBUTES:
        return codes if code in codes else [code, *codes]
    if code in _ENDS:
        return [known for known in codes if known not in _ENDS[code]]
    plane = 38 if 30 <= code <= 39 or 90 <= code <= 97 else 48
    known_plane = 30 <= code <= 49 or 90 <= code <= 107
    kept = _without(codes, plane) if known_plane else codes
    return [*kept, code] if known_plane and code not in (39, 49) else kept


def _without(codes: list[int], plane: int) -> list[int]:
    """Remove the foreground (38) or background (48) colour from the parameters."""
    kept: list[int] = []
    rest = list(codes)
    while rest:
        code = rest.pop(0)
        whole = [code, *_colour(code, rest)[1:]] if code in (38, 48) else [code]
        base = plane - 8
        of_plane = code == plane or base <= code < plane or base + 60 <= code < base + 68
        if not of_plane:
            kept += whole
    return kept


def style_of(name: str) -> Style:
    """Return the style for a name that begins with `sgr:`."""
    codes = [int(code) for code in name.removeprefix(PREFIX).split(";")]
    style = Style()
    while codes:
        code = codes.pop(0)
        if code in _ATTRIBUTES:
            style += Style.parse(_ATTRIBUTES[code])
        elif code in (38, 48):
            style += _in_plane(code, _extended(_colour(code, codes)))
        else:
            bright = 8 if code >= 90 else 0
            plane = 38 if code % 60 < 38 else 48
            style += _in_plane(plane, Color.from_ansi(code % 60 % 10 + bright))
    return style


def _extended(codes: list[int]) -> Color:
    if codes[1] == 5:
        return Color.from_ansi(codes[2])
    return Color.from_rgb(*codes[2:5])


def _in_plane(plane: int, color: Color) -> Style:
    return Style(color=color) if plane == 38 else Style(bgcolor=color)
