"""Colours: two themes of ours, and what the states look like under any theme.

Ours are taken from the 256 colours that every terminal shows as they are, since over SSH a
terminal seldom says that it can show more.
"""

from __future__ import annotations

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
        "dim": "#808080",
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
        "state-idle": "#8a8a8a",
    },
)

LIGHT = Theme(
    name="trainui-light",
    primary="#005faf",
    secondary="#5f87af",
    accent="#875f00",
    warning="#af5f00",
    error="#af0000",
    success="#005f00",
    foreground="#262626",
    background="#ffffff",
    surface="#eeeeee",
    panel="#e4e4e4",
    dark=False,
    variables={
        "dim": "#6c6c6c",
        "line": "#b2b2b2",
        "row": "#d7d7d7",
        "row-blurred": "#eeeeee",
        "border": "#8a8a8a",
        "border-blurred": "#bcbcbc",
        "state-running": "#005fd7",
        "state-completed": "#008700",
        "state-failed": "#d70000",
        "state-cancelled": "#87005f",
        "state-interrupted": "#8700d7",
        "state-queued": "#875f00",
        "state-blocked": "#af5f00",
        "curve-1": "#005faf",
        "curve-2": "#875f00",
        "curve-3": "#008700",
        "curve-4": "#af005f",
        "curve-5": "#008787",
        "curve-6": "#5f00af",
        "state-idle": "#6c6c6c",
    },
)

OURS = (DARK, LIGHT)


def defaults(theme: Theme) -> dict[str, str]:
    """Return our variables for a theme that is not ours, from the colours it has."""
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
