"""Files of a run: checkpoints and outputs of its stages, its environment and its code's version.

Read `checkpoints` first (which one an attempt continues from), then `outputs` (what `completed`
requires). `integrity` decides whether a checkpoint file is complete.
"""
