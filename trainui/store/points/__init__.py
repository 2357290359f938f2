"""Metric points: columns of at most 4,096 points a chunk, with their minima and maxima.

Read `write_points` first, then `read_points` and `chunks` (how they are encoded). `plot_windows`
reads a window of an axis in the columns of a plot, smoothed, with its best value.
"""
