"""The history that Transformers writes into each checkpoint: `trainer_state.json`."""

from __future__ import annotations

from trainui.plugin import Format, Tracker

FORMAT = Format(
    interface=1,
    name="hf",
    decoder="trainui.metrics.formats.json_file:TrainerState",
    files=("trainer_state.json",),
    refines="json",
    is_document=True,
    is_preset_too=True,
    repeats_history=True,
)

TRACKER = Tracker(interface=1, name="hf", title="Hugging Face")
