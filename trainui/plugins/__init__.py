"""What trainui reads and runs of other programs: a folder each, with all there is of it.

Nothing outside imports or names one: each is found by its entry points in `pyproject.toml`, as
anybody's plugin is, and trainui works without it.
"""
