"""Ultralytics and YOLOv5: the bars of an epoch, and the table below them."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="ultralytics",
    reader="trainui.plugins.ultralytics.lines:Ultralytics",
    pattern=r"Epoch\s+(?:GPU|gpu)_mem",
)
