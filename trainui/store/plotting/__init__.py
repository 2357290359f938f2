"""Points as a plot shows them: a window of an axis in columns, smoothed, with its best value.

Read `windows` first, then `columns` (downsampling) and `x_axis`.
"""
