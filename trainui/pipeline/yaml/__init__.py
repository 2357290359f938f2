"""YAML with the line and column of every value, and bounds on size, depth and aliases.

Read `tree` first, then `problems` (how an error is reported).
"""
