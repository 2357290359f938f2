"""Curves: read, placed, drawn in braille, zoomed and compared.

Read `model` first (what is asked and returned), then `reader`, `plot` and `interaction`.
"""
