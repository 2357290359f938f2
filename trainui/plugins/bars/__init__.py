"""Progress bars of tqdm, Lightning, Ignite and Rich."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="tqdm",
    reader="trainui.plugins.bars.lines:Bars",
    pattern=r"(?:^|\])[^\]\d]*\d[^\]]*\]\s*$|━|•",
    counts_epochs=True,
    rank=60,
)
