"""Neptune: its directory `.neptune`, with queues for its server, which is left alone."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.plugin import Tracker

TRACKER = Tracker(
    interface=1,
    name="neptune",
    title="Neptune",
    places=(".neptune",),
    owns="trainui.plugins.neptune:owns",
    unread="have the training write JSON lines to $TRAINUI_METRICS_FILE, or event files, too",
)


def owns(directories: Sequence[str], name: str) -> bool:
    """Return True for all that is in a directory `.neptune`."""
    del name
    return ".neptune" in directories
