"""Neptune: its directory `.neptune`, which is left alone."""

from __future__ import annotations

from trainui.plugin import Tracker

TRACKER = Tracker(
    interface=1,
    name="neptune",
    title="Neptune",
    places=(".neptune",),
    owns="trainui.plugins.neptune.directory:owns",
    unread="have the training write JSON lines to $TRAINUI_METRICS_FILE, or event files, too",
)
