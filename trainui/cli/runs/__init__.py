"""Commands that start, resume, cancel or wait for runs, and add trainings of others.

Read `run` first, then `waiting` and `resume`.
"""
