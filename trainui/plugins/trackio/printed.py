"""The runs and databases that an attempt's output names as its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from trainui.plugin import Printed

_LINES = re.compile(
    rb"\* Trackio project initialized: (?P<project>[^\r\n]+)"
    rb"|\* Trackio metrics logged to: (?P<place>[^\r\n]+)"
    rb"|\* (?:Created new|Resumed existing) run: (?P<run>[^\r\n]+)"
)

_NOT_IN_A_FILE_NAME = re.compile(r"[^\w-]")

_NO_PROJECT = "?"
"""No database has this name."""


def printed(text: bytes, memory: dict[str, Any]) -> Iterator[Printed]:
    """Yield what some output says; a run's database is the one that was named last."""
    for found in _LINES.finditer(text):
        name = found[found.lastgroup or 0].decode("utf-8", "replace")
        if found.lastgroup == "project":
            memory["database"] = _NOT_IN_A_FILE_NAME.sub("", name) or "default"
        elif found.lastgroup == "place":
            yield Printed(place=name.rstrip())
        else:
            yield Printed(run=name.rstrip(), database=memory.get("database", _NO_PROJECT))
