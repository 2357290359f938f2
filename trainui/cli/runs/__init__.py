"""Commands that start, resume, cancel, wait for or delete runs.

Read `run` and `start` first, then `resume`.
"""
