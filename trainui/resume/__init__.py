"""Resumes: the plan and what it is decided from, checkpoints, outputs, edits, the code of a run.

Read `plan` first, then `checkpoints` (which count, and which one a stage continues from) and
`integrity` (whether one is complete: the one boundary to files that may contain anything).
"""
