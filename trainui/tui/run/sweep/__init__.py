"""A folded sweep on the run's page: the table of its members, which may be trials.

Read `sweep_table` first.
"""
