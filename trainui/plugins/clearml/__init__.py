"""ClearML's offline sessions, `offline-ID` with `metrics.jsonl` and `task.json`."""

from __future__ import annotations

from trainui.plugin import Format, Tracker

FORMAT = Format(
    interface=1,
    name="clearml",
    decoder="trainui.plugins.clearml.session:ScalarLines",
    recognise="trainui.plugins.clearml.session:recognise",
    rank=30,
    find="trainui.plugins.clearml.session:find",
    flushed_late=True,
)

TRACKER = Tracker(
    interface=1,
    name="clearml",
    title="ClearML",
    rank=35,
    find="trainui.plugins.clearml.session:training",
    owns="trainui.plugins.clearml.session:owns",
    parameters="trainui.plugins.clearml.session:parameters",
)
