"""Textual's private parts that this room uses: what for, what it gains, and if they still exist.

Nothing outside of this room uses a private part. A use of which a part is gone, as with a later
Textual, is left out, and Textual's own way takes its place.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import FunctionType


@dataclass(frozen=True, slots=True, eq=False)
class PrivateUse:
    """A use of private parts."""

    reason: str
    names: Mapping[str, tuple[str, ...]]
    """By `module:class` or module, the private names that it needs there."""


CELL_DIFF = PrivateUse(
    "Sends only the cells that changed: 3.6 instead of 17.7 kB/s live, 1.1 instead of 7.4 kB a key",
    {
        "textual.app:App": ("_display", "_running", "_closed", "_batch_count", "_driver"),
        "textual._compositor": ("ChopsUpdate", "Compositor", "CompositorUpdate", "LayoutUpdate"),
        "rich.console:Console": ("_color_system",),
        "rich.style:Style": ("_make_ansi_codes",),
    },
)
COMPOSITOR = PrivateUse(
    "Renders only the regions that changed: 5.2 instead of 7.6 ms a key",
    {
        "textual.screen:Screen": ("_compositor",),
        "textual._compositor": ("Compositor",),
        "textual._compositor:Compositor": ("_dirty_regions",),
    },
)
KEY_QUEUE = PrivateUse(
    "Runs a pane's binding directly and draws its changes at once: 5.2 instead of 23.7 ms a key",
    {"textual.app:App": ("_check_bindings",), "textual.screen:Screen": ("_on_timer_update",)},
)
DRIVER = PrivateUse(
    "Reads keys in the event loop: an idle screen does not wake up 10 times a second",
    {
        "textual.drivers.linux_driver:LinuxDriver": ("_app", "_loop", "_run_input_thread"),
        "textual._time": ("get_time",),
        "textual._xterm_parser": ("XTermParser",),
        "textual._xterm_parser:XTermParser": ("_timeout_time",),
    },
)

USES = (CELL_DIFF, COMPOSITOR, KEY_QUEUE, DRIVER)


@cache
def has_parts(*uses: PrivateUse) -> bool:
    """Return True if Textual has all parts that these uses need."""
    return not any(map(missing, uses))


def missing(use: PrivateUse) -> list[str]:
    """Return the parts of a use that Textual does not have."""
    return [
        f"{place}.{name}"
        for place, names in use.names.items()
        for name in names
        if not _has(place, name)
    ]


def _has(place: str, name: str) -> bool:
    """Return True if a module has a name, or if a class or one of its methods uses it."""
    module_name, _, class_name = place.partition(":")
    try:
        found = importlib.import_module(module_name)
        owner = getattr(found, class_name) if class_name else found
    except (ImportError, AttributeError):
        return False
    members = (one for base in getattr(owner, "__mro__", ()) for one in vars(base).values())
    methods = (one for one in members if isinstance(one, FunctionType))
    return hasattr(owner, name) or any(name in one.__code__.co_names for one in methods)
