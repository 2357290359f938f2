"""fairseq: lines of fields between bars."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="fairseq",
    reader="trainui.plugins.fairseq.lines:Fairseq",
    pattern=r"num_updates",
    rank=40,
)
