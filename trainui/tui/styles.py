"""Named text styles, their mapping to a theme's colours, and ASCII for terminals without Unicode.

Textual's component classes would do the same, but are resolved for each widget whenever its styles
change, which takes longer than the rest of a page together.

Own themes use the 256-colour palette, which every terminal shows exactly: over SSH a terminal
rarely announces true colour.

On a terminal without Unicode each character is replaced by as many ASCII characters as it has
cells, so the layout is unchanged. The filter runs on rendered lines; no widget knows of it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from trainui.model.states import Status

CURVES = 6
"""The number of curve colours."""

MIDDLE, READABLE = 0.18, 4.5
"""The luminance of a background on which black and white are equally readable, and the least
contrast of text on the page: https://www.w3.org/TR/WCAG22/#contrast-minimum."""

DEFAULT = "trainui-dark"

_COLORS = """
primary                          #5fafff  #005faf  #5fafff  #005faf  #55ffff
secondary                        #5f87af  #5f87af  #5f87af  #5f87af  #00aaaa
accent                           #d7af5f  #875f00  #d7af5f  #875f00  #ffff55
warning                          #ffaf5f  #875f00  #ffd75f  #5f5f00  #ffff55
error                            #ff5f5f  #af0000  #ff8700  #875f00  #ff5555
success                          #87d787  #005f00  #5fafff  #005faf  #55ff55
foreground                       #dadada  #262626  #dadada  #262626  #aaaaaa
background                       #121212  #ffffff  #121212  #ffffff  #000000
surface                          #1c1c1c  #eeeeee  #1c1c1c  #eeeeee  #000000
panel                            #262626  #e4e4e4  #262626  #e4e4e4  #000000
dim                              #9e9e9e  #585858  #9e9e9e  #585858  #aaaaaa
faint                            #6c6c6c  #949494  #6c6c6c  #949494  #aaaaaa
text-disabled                    #9e9e9e  #585858  #9e9e9e  #585858  #aaaaaa
block-cursor-blurred-foreground  #dadada  #262626  #dadada  #262626  #ffffff
block-cursor-blurred-background  #303030  #d7ffff  #303030  #d7ffff  #0000aa
line                             #444444  #b2b2b2  #444444  #b2b2b2  #555555
row                              #303030  #d7ffff  #303030  #d7ffff  #000000
row-blurred                      #1c1c1c  #eeeeee  #1c1c1c  #eeeeee  #000000
border                           #444444  #8a8a8a  #444444  #8a8a8a  #aaaaaa
border-blurred                   #303030  #bcbcbc  #303030  #bcbcbc  #555555
scrollbar                        #444444  -        #444444  -        #aaaaaa
scrollbar-hover                  #585858  -        #585858  -        #ffffff
scrollbar-active                 #5fafff  -        #5fafff  -        #55ffff
scrollbar-background             #121212  -        #121212  -        #000000
scrollbar-background-hover       #121212  -        #121212  -        #000000
scrollbar-background-active      #121212  -        #121212  -        #000000
band                             #262626  #e4e4e4  #262626  #e4e4e4  #555555
band-ground                      #262626  #e4e4e4  #262626  #e4e4e4  #000000
state-running                    #5fd7ff  #005fd7  #ffffd7  #000000  #55ffff
state-completed                  #87d787  #005f00  #5fafff  #005faf  #55ff55
state-failed                     #ff5f5f  #af0000  #ff8700  #875f00  #ff5555
state-cancelled                  #d787af  #87005f  #d787d7  #af00af  #ff55ff
state-interrupted                #ff87ff  #8700d7  #ffd7ff  #5f0087  #ff55ff
state-queued                     #ffd75f  #5f5f00  #ffd75f  #000087  #ffff55
state-blocked                    #d7875f  #875f00  #d7afaf  #5f0000  #ffff55
state-idle                       #a8a8a8  #626262  #a8a8a8  #626262  #aaaaaa
curve-1                          #5fafff  #005fd7  #5fafff  #005faf  #55ffff
curve-2                          #d7af5f  #875f00  #ffaf00  #875f00  #ffff55
curve-3                          #87d787  #008700  #00af87  #000087  #55ff55
curve-4                          #d787af  #d7005f  #ffff5f  #af005f  #ff55ff
curve-5                          #5fd7d7  #005f5f  #d787af  #00875f  #ffffff
curve-6                          #af87ff  #5f00af  #d75f00  #000000  #ff5555
"""
"""A line a colour: its name, and its value in the dark, the light, the two colour-blind safe, and
the 16-colour theme; - for Textual's own value."""

_FIELDS = (
    *("primary", "secondary", "accent", "warning", "error", "success"),
    *("foreground", "background", "surface", "panel"),
)
"""The colours that are no variables, but fields of a theme."""


def _theme(name: str, column: int, *, dark: bool = True) -> Theme:
    """Return the theme of a column of the table."""
    rows = [line.split() for line in _COLORS.strip().splitlines()]
    colors = {row[0]: row[column] for row in rows if row[column] != "-"}
    fields: dict[str, Any] = {field: colors.pop(field) for field in _FIELDS}
    return Theme(name, **fields, dark=dark, variables=colors)


DARK = _theme(DEFAULT, 1)

LIGHT = _theme("trainui-light", 2, dark=False)

SAFE_DARK, SAFE_LIGHT = _theme("trainui-safe-dark", 3), _theme("trainui-safe-light", 4, dark=False)
"""Colour-blind safe: blue and orange for good and bad, curves in Okabe and Ito's palette
(https://jfly.uni-koeln.de/color/), each mapped to the nearest of the 256 colours."""

BASIC = _theme("trainui-16", 5)
"""For 16-colour terminals: uses exactly these colours, so that no two become the same.

Terminals show them as they like, so the cursor's row has the background's colour: it is in reverse
video (`styles.style`), where each text keeps its contrast.
"""

_WHITE: dict[str, Any] = dict.fromkeys(("primary", "accent", "warning", "error"), "#ffffff")
_GREY: dict[str, Any] = dict.fromkeys(("secondary", "success", "foreground"), "#c6c6c6")

MONOCHROME = replace(
    BASIC,
    name="trainui-monochrome",
    **_WHITE,
    **_GREY,
    variables={
        **dict.fromkeys(BASIC.variables, "#c6c6c6"),
        **dict.fromkeys(("dim", "faint", "text-disabled", "border", "scrollbar"), "#949494"),
        **dict.fromkeys(("line", "border-blurred", "block-cursor-blurred-background"), "#585858"),
        **dict.fromkeys(("state-running", "state-failed", "state-interrupted"), "#ffffff"),
        **{name: one for name, one in BASIC.variables.items() if one == BASIC.background},
    },
)
"""Without colours: what needs attention is the brightest."""

OURS = (DARK, LIGHT, SAFE_DARK, SAFE_LIGHT, BASIC, MONOCHROME)

NO_COLOR_TERMINALS = ("vt100", "vt220", "dumb")
"""Values of TERM for terminals without colours."""

BY_NAME = {theme.name: theme for theme in OURS}


def after(name: str) -> str:
    """Return the name of the next theme in the cycle."""
    names = [theme.name for theme in OURS]
    return names[(names.index(name) + 1) % len(names)] if name in names else DEFAULT


def fitting(setting: str | None, color_system: str | None, environ: Mapping[str, str]) -> str:
    """Return the initial theme: the setting, else one for the terminal's colours (Rich's name)."""
    if setting:
        return setting
    if "NO_COLOR" in environ or environ.get("TERM") in NO_COLOR_TERMINALS:
        return MONOCHROME.name
    return BASIC.name if color_system == "standard" else DEFAULT


def chosen(kept: Mapping[str, object], fitting: str) -> str:
    """Return the theme chosen with the theme key, else the initial one.

    The saved choice is ignored if the initial theme that it replaced differs now (another terminal
    or a changed setting).
    """
    name = kept.get("chosen")
    return name if isinstance(name, str) and kept.get("instead_of") == fitting else fitting


def defaults(theme: Theme) -> dict[str, str]:
    """Return trainui's theme variables for another theme, derived from its colours."""
    foreground = theme.foreground or ("#e0e0e0" if theme.dark else "#202020")
    own = DARK.variables if theme.dark else LIGHT.variables
    return {
        **own,
        "row": "#444444" if theme.dark else "#d0d0d0",
        "row-blurred": "#303030" if theme.dark else "#e4e4e4",
        "border": theme.secondary or theme.primary,
        "state-running": theme.primary,
        "state-completed": theme.success or foreground,
        "state-failed": theme.error or foreground,
        "state-queued": theme.warning or foreground,
    }


ORNAMENTS = frozenset(("faint", "frame", "frame-lit", "line", "line-on", "band", "faint-on-band"))
"""Styles of borders, axes and what is behind a curve, in which no text is written."""


class StyleWords(NamedTuple):
    """A style by the names of theme variables."""

    color: str | None = None
    """A theme variable."""
    background: str | None = None
    bold: bool = False
    reverse: bool = False


IDLE = (Status.PENDING, Status.ENDED, Status.SKIPPED, Status.PRUNED)

STYLES: Mapping[str, StyleWords] = {
    "dim": StyleWords("dim"),
    "faint": StyleWords("faint"),
    "strong": StyleWords(bold=True),
    "title": StyleWords("primary", bold=True),
    "accent": StyleWords("primary"),
    "good": StyleWords("success"),
    "warn": StyleWords("warning"),
    "bad": StyleWords("error"),
    "key": StyleWords("accent", bold=True),
    "match": StyleWords(reverse=True),
    "tab-on": StyleWords("primary", "row", bold=True),
    "frame": StyleWords("border-blurred"),
    "frame-lit": StyleWords("border"),
    "title-lit": StyleWords("primary", bold=True),
    "line": StyleWords("line"),
    "line-on": StyleWords("primary"),
    "cursor": StyleWords(background="row"),
    "cursor-blurred": StyleWords(background="row-blurred"),
    **{f"curve-{number}": StyleWords(f"curve-{number}") for number in range(1, CURVES + 1)},
    "band": StyleWords("band", "band-ground"),
    **{
        f"{name}-on-band": StyleWords(color, "band-ground", bold=name == "strong")
        for name, color in (
            *((f"curve-{number}", f"curve-{number}") for number in range(1, CURVES + 1)),
            *(("dim", "dim"), ("faint", "faint"), ("bad", "error"), ("warn", "warning")),
            *(("strong", None), ("accent", "primary"), ("key", "accent"), ("", None)),
        )
    },
    **{f"state-{status}": StyleWords(f"state-{status}") for status in Status},
    **{f"state-{idle}": StyleWords("state-idle") for idle in IDLE},
    **{f"cell-{status}": StyleWords(f"state-{status}", reverse=True) for status in Status},
    **{f"cell-{idle}": StyleWords("state-idle", reverse=True) for idle in IDLE},
    "cell-stalled": StyleWords("error", reverse=True),
    "cell-silent": StyleWords("warning", reverse=True),
}
"""All styles that a segment may have, by name."""


def style(name: str, variables: Mapping[str, str]) -> Style:
    """Return a named style in the colours of a theme's variables.

    Where the cursor's row has the page's background, it is in reverse video, or without the focus
    underlined.
    """
    look, page = STYLES[name], Color.parse(variables["background"])
    ground = Color.parse(variables[look.background]) if look.background else None
    color = Color.parse(variables[look.color]) if look.color else None
    if color is not None and name not in ORNAMENTS:
        color = readable(color, page)
    is_plain = ground == page
    return Style(
        color=color.rich_color if color else None,
        bgcolor=ground.rich_color if ground and not is_plain else None,
        bold=look.bold or None,
        underline=(is_plain and look.background == "row-blurred") or None,
        reverse=look.reverse or (is_plain and look.background == "row") or None,
    )


def readable(color: Color, background: Color) -> Color:
    """Return a colour that can be read: blended with black or white if its contrast is low.

    The own themes need none of this; some colours of Textual's are for surfaces, and not for text.
    """
    if color.ansi is not None or background.ansi is not None:
        return color
    goal = Color(0, 0, 0) if luminance(background) > MIDDLE else Color(255, 255, 255)
    mixed = (color.blend(goal, step / 10) for step in range(11))
    return next((one for one in mixed if contrast(one, background) >= READABLE), goal)


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    """Return the luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# --- terminals without Unicode

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


def wants_ascii(setting: bool | None, environ: Mapping[str, str]) -> bool:
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
            else Segment("".join(map(in_ascii, segment.text)), segment.style, segment.control)
            for segment in segments
        ]


@lru_cache(maxsize=4096)
def in_ascii(character: str) -> str:
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
