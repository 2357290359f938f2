"""Trackio's SQLite databases."""

from __future__ import annotations

from trainui.plugin import Database, Tracker

TRACKER = Tracker(
    interface=1,
    name="trackio",
    title="Trackio",
    database=Database(
        tables=("metrics", "configs"),
        marker=b"run_name",
        runs="trainui.metrics.trackers.trackio:runs",
        points="trainui.metrics.trackers.trackio:points",
        is_rewritten=True,
    ),
)
