"""TensorBoard's event files, in all of its writers' versions. Read `event_file` first."""

from __future__ import annotations

from trainui.plugin import Format, Tracker

FORMAT = Format(
    interface=1,
    name="tfevents",
    decoder="trainui.plugins.tensorboard.event_file:EventFile",
    files=("out.tfevents*", "*.out.tfevents*"),
    recognise="trainui.plugins.tensorboard.event_file:recognise",
    rank=10,
    precedence=40,
    find="trainui.plugins.tensorboard.event_file:find",
    history="trainui.plugins.tensorboard.event_file:history",
    flushed_late=True,
    one_directory=True,
    one_per_training=True,
)

TRACKER = Tracker(
    interface=1,
    name="tfevents",
    title="TensorBoard",
    rank=90,
    find="trainui.plugins.tensorboard.event_file:training",
    owns="trainui.plugins.tensorboard.event_file:owns",
    parameters="trainui.plugins.tensorboard.event_file:parameters",
    places=("runs",),
    directories=("tensorboard", "tb"),
)
