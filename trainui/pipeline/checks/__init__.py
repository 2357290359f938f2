"""The checks of a pipeline file: each reports every problem that it finds, with its place.

Read `fields` first.
"""
