"""Metric curves: drawing them in braille, zooming and comparing.

Read `screen` first, then `plot` and `interaction`; `tui.snapshot.curves` is what they show.
"""
