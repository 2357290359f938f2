"""The list of runs: columns, filter, sorting, and the reads behind it.

Read `screen` first, then `columns` and `filter`.
"""
