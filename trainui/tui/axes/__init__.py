"""Axes of plots and of the timeline: positions, marks and short labels.

Read `x_axis` first, then `ticks` and `labels`.
"""
