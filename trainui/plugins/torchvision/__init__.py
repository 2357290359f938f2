"""torchvision's `MetricLogger` and timm: positions in an epoch, with means in brackets."""

from __future__ import annotations

from trainui.plugin import LogLines

METRICLOGGER = LogLines(
    interface=1,
    name="metriclogger",
    reader="trainui.plugins.torchvision.lines:MetricLogger",
    pattern=r"\] +eta: |\]\s+eta: ",
)

TIMM = LogLines(
    interface=1,
    name="timm_train",
    reader="trainui.plugins.torchvision.lines:Timm",
    pattern=r"(?:Train|Test[^:\[]*): +(?:\d+(?:/\d+ \( *\d+%\))? +)?\[ *\d+/\d+",
)
