"""The store: the single source of truth about runs; rows stay in here, records come out.

Read `tables` first, then `runs.stages` (every change of a state), `points.write_points` (how
metrics are written) and `read.views` (the plain SQL that the screen and the command line read).
`shell_environment` is what a run stores in its directory and never in the database.
"""
