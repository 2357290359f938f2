"""Metric points: columns of at most 4,096 points a chunk, with their minima and maxima.

Read `write_points` first, then `read_points` and `column_packing` (how they are encoded).
"""
