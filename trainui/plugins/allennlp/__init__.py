"""AllenNLP: a table of training and validation below an epoch."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="allennlp",
    reader="trainui.plugins.allennlp.lines:AllenNLP",
    pattern=r"Training \|  Validation|Epoch \d+/\d+\s*$",
    counts_epochs=True,
)
