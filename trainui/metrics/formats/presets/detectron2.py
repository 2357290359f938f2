"""The log of Detectron2 and its descendants: `eta: 0:00:00  iter: 19  total_loss: 2.2  ...`."""

from __future__ import annotations

import re

from trainui.metrics.formats.presets.base import LinePreset


class Detectron2(LinePreset):
    """The lines of `CommonMetricPrinter`."""

    holds = "iter: "
    line = re.compile(r"(?:.*\s)?iter: (?P<step>\d+) +(?=\S+: )")
    metric = re.compile(r"(\S+): (\S+)")
