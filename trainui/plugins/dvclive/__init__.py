"""DVCLive's directory: a table for each metric in `plots/metrics`, and `metrics.json`."""

from __future__ import annotations

from trainui.plugin import Format, Tracker

FORMAT = Format(interface=1, name="dvclive", decoder="trainui.metrics.formats:_dvclive")

TRACKER = Tracker(interface=1, name="dvclive", title="DVCLive")
