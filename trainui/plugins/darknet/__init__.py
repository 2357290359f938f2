"""Darknet: numbers before their names."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="darknet",
    reader="trainui.plugins.darknet.lines:Darknet",
    pattern=r" avg(?: loss)?, ",
)
