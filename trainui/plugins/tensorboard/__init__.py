"""TensorBoard's event files, in all of its writers' versions."""

from __future__ import annotations

from trainui.plugin import Format

FORMAT = Format(
    interface=1,
    name="tfevents",
    decoder="trainui.metrics.formats.tensorboard.event_file:EventFile",
    files=("out.tfevents*", "*.out.tfevents*"),
    flushed_late=True,
    one_directory=True,
)
