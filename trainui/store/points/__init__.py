"""Metric points: columns of at most 4,096 points a chunk, with their minima and maxima.

Read `points` first (writing), then `curves` (reading for a plot) and `column_packing` (how they are
encoded).
"""
