"""Resumes: the plan and what it is decided from, checkpoints, outputs, edits, the code of a run.

Also what stages use of others: held checkpoints, and the results of searches.

Read `plan` first, then `checkpoints` (which count, and which one a stage continues from) and
`integrity` (if one is complete, and its step: the one boundary to files that may contain anything).
"""
