"""Which attempt wrote a file outside its stage's directory, or a run in a tracker's database.

Read `outside_sources` first (files), then `database_runs`.
"""
