"""Widgets that pages share; they do not depend on pages or the store.

Read `line_view` first.
"""
