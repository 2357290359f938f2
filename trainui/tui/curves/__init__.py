"""Metric curves: reading them, drawing them in braille, zooming and comparing.

Read `model` first (the query and the result), then `reader`, `plot` and `interaction`.
"""
