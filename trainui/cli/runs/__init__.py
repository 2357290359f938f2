"""Commands that start, resume, cancel, wait for or delete runs.

Read `run` first, then `start` and `resume`.
"""
