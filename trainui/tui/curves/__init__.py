"""Metric curves: drawing them in braille, zooming and comparing.

Read `plot_view` first, then `drawing.plot` and `interaction`; `tui.data.curves` is what they show.
"""
