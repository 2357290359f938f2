"""MMEngine and MMCV: positions in an epoch, and the results of a validation."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="mmengine",
    reader="trainui.plugins.mmengine.lines:MMEngine",
    pattern=r"(?:Epoch|Iter)(?:\(\w+\))? +\[",
)
