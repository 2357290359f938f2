"""Commands that start, change, await or delete runs.

Read `run` first, then `resume`.
"""
