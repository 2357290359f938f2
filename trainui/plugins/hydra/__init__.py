"""Hydra's directories: the overrides of a job, and the jobs of a multirun. Read `sweep` first."""

from __future__ import annotations

from trainui.plugin import Cause, Tracker

TRACKER = Tracker(
    interface=1,
    name="hydra",
    title="Hydra",
    rank=10,
    has_jobs=True,
    find="trainui.plugins.hydra.sweep:training",
    places=("outputs", "multirun"),
    grouping="trainui.plugins.hydra.sweep:group",
    command="trainui.plugins.hydra.sweep:command",
    owner="trainui.plugins.hydra.sweep:owner",
)

CAUSE = Cause(
    interface=1, name="hydra", find="trainui.plugins.hydra.sweep:cause", is_last_resort=True
)
