"""Resumes: the plan and what it is decided from, checkpoints, outputs, edits, code and environment.

Read `plan` first, then `checkpoints` (which count, and which one a stage continues from) and
`integrity` (whether one is complete: the one boundary to files that may contain anything).
"""
