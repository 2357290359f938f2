"""Colours of logs: SGR sequences are kept, all other terminal control sequences are removed.

The name of a style is `sgr:` and its definition as Rich writes it, e.g. `sgr:bold color(1)`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.ansi import AnsiDecoder
from rich.style import Style

from trainui.text import harmless
from trainui.tui.render.styled_text import Row, Segment

PREFIX = "sgr:"

TAB = 8
"""Distance of tab stops in characters."""

STEADY = Style(blink=False, blink2=False, conceal=False)

_SGR = re.compile(r"\x1b\[([0-9;:]{0,200})m")


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
        before = used % TAB
        shown = (" " * before + harmless(piece)).expandtabs(TAB)[before:]
        used += len(shown)
        if shown:
            spans.append(Segment(shown, PREFIX + style if style else ""))
    return tuple(spans) or (Segment(""),)


@lru_cache(maxsize=512)
def _after(style: str, sequence: str) -> str:
    """Return the definition of the style after another SGR sequence; empty: none."""
    decoder = AnsiDecoder()
    decoder.style = Style.parse(style)
    decoder.decode_line(f"\x1b[{sequence.replace(':', ';')}m")
    # the terminal's default colours may be unreadable on the page's background
    words = str(decoder.style).replace("on default", "").replace("default", "")
    return " ".join(words.split()) if decoder.style else ""


def style_of(name: str) -> Style:
    """Return the style for a name that begins with `sgr:`; nothing blinks or is hidden."""
    return Style.parse(name.removeprefix(PREFIX)) + STEADY
