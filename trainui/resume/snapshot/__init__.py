"""Snapshots of the user's code: taken at submission, copied when the run's first stage starts.

Read `trees` first (where the files are kept), then `files` (which files those are) and `run_copy`
(the directory in which a run's stages run).
"""
