"""Metric curves: drawing them in braille, zooming and comparing.

Read `screen` first, then `drawing.plot` and `interaction`; `tui.data.curves` is what they show.
"""
