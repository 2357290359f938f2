"""W&B's logs, `wandb/run-ID/run-ID.wandb`, online and offline."""

from __future__ import annotations

from trainui.plugin import Format, Tracker

FORMAT = Format(
    interface=1,
    name="wandb",
    decoder="trainui.metrics.formats.wandb.log_file:WandbFile",
    files=("run-?*.wandb",),
    flushed_late=True,
    may_continue=True,
)

TRACKER = Tracker(interface=1, name="wandb", title="W&B", places=("wandb",))
