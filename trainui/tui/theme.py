"""Colours: trainui's own themes, and state and curve colours for any other theme.

Own themes use the 256-colour palette, which every terminal shows exactly: over SSH a terminal
rarely announces true colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from textual.theme import Theme

DEFAULT = "trainui-dark"

DARK = Theme(
    name="trainui-dark",
    primary="#5fafff",
    secondary="#5f87af",
    accent="#d7af5f",
    warning="#ffaf5f",
    error="#ff5f5f",
    success="#87d787",
    foreground="#dadada",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    dark=True,
    variables={
        "dim": "#9e9e9e",
        "faint": "#6c6c6c",
        "text-disabled": "#9e9e9e",
        "block-cursor-blurred-foreground": "#dadada",
        "block-cursor-blurred-background": "#303030",
        "line": "#444444",
        "row": "#303030",
        "row-blurred": "#1c1c1c",
        "border": "#444444",
        "border-blurred": "#303030",
        "scrollbar": "#444444",
        "scrollbar-hover": "#585858",
        "scrollbar-active": "#5fafff",
        "scrollbar-background": "#121212",
        "scrollbar-background-hover": "#121212",
        "scrollbar-background-active": "#121212",
        "state-running": "#5fd7ff",
        "state-completed": "#87d787",
        "state-failed": "#ff5f5f",
        "state-cancelled": "#d787af",
        "state-interrupted": "#ff87ff",
        "state-queued": "#ffd75f",
        "state-blocked": "#d7875f",
        "curve-1": "#5fafff",
        "curve-2": "#d7af5f",
        "curve-3": "#87d787",
        "curve-4": "#d787af",
        "curve-5": "#5fd7d7",
        "curve-6": "#af87ff",
        "state-idle": "#a8a8a8",
    },
)

LIGHT = Theme(
    name="trainui-light",
    primary="#005faf",
    secondary="#5f87af",
    accent="#875f00",
    warning="#875f00",
    error="#af0000",
    success="#005f00",
    foreground="#262626",
    background="#ffffff",
    surface="#eeeeee",
    panel="#e4e4e4",
    dark=False,
    variables={
        "dim": "#585858",
        "faint": "#949494",
        "text-disabled": "#585858",
        "block-cursor-blurred-foreground": "#262626",
        "block-cursor-blurred-background": "#d7ffff",
        "line": "#b2b2b2",
        "row": "#d7ffff",
        "row-blurred": "#eeeeee",
        "border": "#8a8a8a",
        "border-blurred": "#bcbcbc",
        "state-running": "#005fd7",
        "state-completed": "#005f00",
        "state-failed": "#af0000",
        "state-cancelled": "#87005f",
        "state-interrupted": "#8700d7",
        "state-queued": "#5f5f00",
        "state-blocked": "#875f00",
        "curve-1": "#005fd7",
        "curve-2": "#875f00",
        "curve-3": "#008700",
        "curve-4": "#d7005f",
        "curve-5": "#005f5f",
        "curve-6": "#5f00af",
        "state-idle": "#626262",
    },
)


def _like(theme: Theme, name: str, *, variables: dict[str, str], **colors: Any) -> Theme:
    """Return a variant of a theme with some colours replaced."""
    return replace(theme, name=name, variables={**theme.variables, **variables}, **colors)


SAFE_DARK = _like(
    DARK,
    "trainui-safe-dark",
    success="#5fafff",
    error="#ff8700",
    warning="#ffd75f",
    variables={
        "state-running": "#ffffd7",
        "state-completed": "#5fafff",
        "state-failed": "#ff8700",
        "state-cancelled": "#d787d7",
        "state-interrupted": "#ffd7ff",
        "state-queued": "#ffd75f",
        "state-blocked": "#d7afaf",
        "curve-1": "#5fafff",
        "curve-2": "#ffaf00",
        "curve-3": "#00af87",
        "curve-4": "#ffff5f",
        "curve-5": "#d787af",
        "curve-6": "#d75f00",
    },
)
"""Colour-blind safe: blue and orange for good and bad, curves in Okabe and Ito's palette
(https://jfly.uni-koeln.de/color/), each mapped to the nearest of the 256 colours."""

SAFE_LIGHT = _like(
    LIGHT,
    "trainui-safe-light",
    success="#005faf",
    error="#875f00",
    warning="#5f5f00",
    variables={
        "state-running": "#000000",
        "state-completed": "#005faf",
        "state-failed": "#875f00",
        "state-cancelled": "#af00af",
        "state-interrupted": "#5f0087",
        "state-queued": "#000087",
        "state-blocked": "#5f0000",
        "curve-1": "#005faf",
        "curve-2": "#875f00",
        "curve-3": "#000087",
        "curve-4": "#af005f",
        "curve-5": "#00875f",
        "curve-6": "#000000",
    },
)

_BACKGROUNDS = (
    *("row", "row-blurred", "scrollbar-background", "scrollbar-background-hover"),
    "scrollbar-background-active",
)
"""Variables with the page's background in the themes of few colours."""

BASIC = _like(
    DARK,
    "trainui-16",
    primary="#55ffff",
    secondary="#00aaaa",
    accent="#ffff55",
    warning="#ffff55",
    error="#ff5555",
    success="#55ff55",
    foreground="#aaaaaa",
    background="#000000",
    surface="#000000",
    panel="#000000",
    variables={
        "dim": "#aaaaaa",
        "faint": "#aaaaaa",
        "text-disabled": "#aaaaaa",
        "block-cursor-blurred-foreground": "#ffffff",
        "block-cursor-blurred-background": "#0000aa",
        "line": "#555555",
        "row": "#000000",
        "row-blurred": "#000000",
        "border": "#aaaaaa",
        "border-blurred": "#555555",
        "scrollbar": "#aaaaaa",
        "scrollbar-hover": "#ffffff",
        "scrollbar-active": "#55ffff",
        "scrollbar-background": "#000000",
        "scrollbar-background-hover": "#000000",
        "scrollbar-background-active": "#000000",
        "state-running": "#55ffff",
        "state-completed": "#55ff55",
        "state-failed": "#ff5555",
        "state-cancelled": "#ff55ff",
        "state-interrupted": "#ff55ff",
        "state-queued": "#ffff55",
        "state-blocked": "#ffff55",
        "state-idle": "#aaaaaa",
        "curve-1": "#55ffff",
        "curve-2": "#ffff55",
        "curve-3": "#55ff55",
        "curve-4": "#ff55ff",
        "curve-5": "#ffffff",
        "curve-6": "#ff5555",
    },
)
"""For 16-colour terminals: uses exactly these colours, so that no two become the same.

Terminals show them as they like, so the cursor's row has the background's colour: it is in reverse
video (`styles.style`), where each text keeps its contrast.
"""

MONOCHROME = _like(
    BASIC,
    "trainui-monochrome",
    **dict.fromkeys(("primary", "accent", "warning", "error"), "#ffffff"),
    **dict.fromkeys(("secondary", "success", "foreground"), "#c6c6c6"),
    variables={
        **dict.fromkeys(BASIC.variables, "#c6c6c6"),
        **dict.fromkeys(("dim", "faint", "text-disabled", "border", "scrollbar"), "#949494"),
        **dict.fromkeys(("line", "border-blurred", "block-cursor-blurred-background"), "#585858"),
        **dict.fromkeys(("state-running", "state-failed", "state-interrupted"), "#ffffff"),
        **{name: one for name, one in BASIC.variables.items() if name in _BACKGROUNDS},
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
    """Return the initial theme: the user's setting, else one that suits the terminal.

    `color_system` is Rich's name for the terminal's colour capability.
    """
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
        "border-blurred": own["border-blurred"],
        "state-running": theme.primary,
        "state-completed": theme.success or foreground,
        "state-failed": theme.error or foreground,
        "state-queued": theme.warning or foreground,
    }
