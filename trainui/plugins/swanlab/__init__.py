"""SwanLab: its directories `swanlog`, which are left alone."""

from __future__ import annotations

from trainui.plugin import Tracker

TRACKER = Tracker(
    interface=1,
    name="swanlab",
    title="SwanLab",
    places=("swanlog",),
    owns="trainui.plugins.swanlab.directory:owns",
    unread="have the training write JSON lines to $TRAINUI_METRICS_FILE, or event files, too",
)
