"""The list of runs. Read `screen` first, then `columns` and `filter`."""
