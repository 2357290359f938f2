"""Trackio: its SQLite databases, and what it prints."""

from __future__ import annotations

from trainui.plugin import Database, Tracker

TRACKER = Tracker(
    interface=1,
    name="trackio",
    title="Trackio",
    printed="trainui.plugins.trackio.database:printed",
    home="trainui.plugins.trackio.database:home",
    database=Database(
        tables=("metrics", "configs"),
        marker=b"run_name",
        runs="trainui.plugins.trackio.database:runs",
        points="trainui.plugins.trackio.database:points",
        is_rewritten=True,
    ),
)
