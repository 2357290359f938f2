"""Metric curves: drawing them in braille, zooming and comparing.

Read `screen` first, then `plot` and `interaction`; `tui.curve_data` is what they show.
"""
