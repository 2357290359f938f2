"""Reads a stage's curves and those that they are compared with.

Read `curve_reader` first, then `series` (which are drawn) and `chart_lines`.
"""
