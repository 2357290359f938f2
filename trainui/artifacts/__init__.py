"""What trainings leave on disk: checkpoints and outputs, found and checked.

Read `checkpoints` first (which one an attempt continues from), then `outputs` (what `completed`
requires). `integrity` decides whether a checkpoint file is complete.
"""
