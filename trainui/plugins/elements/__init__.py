"""DreamerV3: a line of metrics between slashes, below a heading."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="elements",
    reader="trainui.plugins.elements.lines:Elements",
    pattern=r"\[Step [\d_,]+\]",
)
