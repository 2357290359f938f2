"""Keras: the bars of an epoch, redrawn or one line each."""

from __future__ import annotations

from trainui.plugin import LogLines

LINES = LogLines(
    interface=1,
    name="keras",
    reader="trainui.plugins.keras.lines:Keras",
    pattern=r"Epoch \d+/\d+\s*$",
    counts_epochs=True,
)
