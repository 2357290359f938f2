"""DVCLive's directory: a table for each metric in `plots/metrics`, and `metrics.json`."""

from __future__ import annotations

from trainui.plugin import Format, Tracker

FORMAT = Format(
    interface=1,
    name="dvclive",
    decoder="trainui.plugins.dvclive.table:decoder",
    rank=40,
    is_usual="trainui.plugins.dvclive.table:is_table",
    find="trainui.plugins.dvclive.table:find",
)

TRACKER = Tracker(
    interface=1,
    name="dvclive",
    title="DVCLive",
    rank=70,
    find="trainui.plugins.dvclive.table:training",
    parameters="trainui.plugins.dvclive.table:parameters",
)
