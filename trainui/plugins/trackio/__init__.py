"""Trackio: its SQLite databases, its inbox, and what it prints. Read `database` first."""

from __future__ import annotations

from trainui.plugin import Tracker, TrackerDatabase

TRACKER = Tracker(
    interface=1,
    name="trackio",
    title="Trackio",
    printed="trainui.plugins.trackio.database:printed",
    owns="trainui.plugins.trackio.database:owns",
    home="trainui.plugins.trackio.database:home",
    database=TrackerDatabase(
        tables=("metrics", "configs"),
        marker=b"run_name",
        runs="trainui.plugins.trackio.database:runs",
        points="trainui.plugins.trackio.database:points",
        is_rewritten=True,
        is_file="trainui.plugins.trackio.database:is_first",
        open_file="trainui.plugins.trackio.database:as_database",
        paths=r".*/inbox/[0-9a-f]{16}/[0-9]{8}\.jsonl",
        version="trainui.plugins.trackio.database:version",
    ),
)
