"""The history that Transformers writes into each checkpoint: `trainer_state.json`."""

from __future__ import annotations

from trainui.plugin import CheckpointDirectory, Format, Tracker

FORMAT = Format(
    interface=1,
    name="hf",
    decoder="trainui.plugins.huggingface.trainer_state:TrainerState",
    files=("trainer_state.json",),
    recognise="trainui.plugins.huggingface.trainer_state:recognise",
    rank=50,
    refines="json",
    precedence=20,
    stands_for="trainui.plugins.huggingface.trainer_state:stands_for",
    is_document=True,
    is_preset_too=True,
    repeats_history=True,
    one_per_training=True,
)

TRACKER = Tracker(
    interface=1,
    name="hf",
    title="Hugging Face",
    rank=60,
    find="trainui.plugins.huggingface.trainer_state:training",
    checkpoint=CheckpointDirectory(
        state="trainer_state.json",
        begun_by="training_args.bin",
        name="checkpoint-[0-9]+",
        resume_option="--resume_from_checkpoint",
    ),
)
