"""Widgets that several pages share; none knows a page, the store or another widget.

Read `line_view` first.
"""
