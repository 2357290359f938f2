"""The list of runs: columns, filter and sorting.

Read `screen` first, then `columns` and `filter`.
"""
