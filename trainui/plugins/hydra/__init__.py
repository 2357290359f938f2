"""Hydra's directories: the overrides of a job, and the jobs of a multirun. Read `job` first."""

from __future__ import annotations

from trainui.plugin import Cause, Tracker

TRACKER = Tracker(
    interface=1,
    name="hydra",
    title="Hydra",
    rank=10,
    has_jobs=True,
    find="trainui.plugins.hydra.job:training",
    places=("outputs", "multirun"),
    grouping="trainui.plugins.hydra.job:group",
    command="trainui.plugins.hydra.job:command",
    owner="trainui.plugins.hydra.job:owner",
)

CAUSE = Cause(
    interface=1, name="hydra", find="trainui.plugins.hydra.job:cause", is_last_resort=True
)
