"""Draws one plot as lines of text: axes, braille dots, marks and annotations.

Read `plot` first.
"""
