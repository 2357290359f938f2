"""Attributes files outside stages' directories, and runs in trackers' databases, to attempts.

Read `outside_sources` first (files), then `database_runs`.
"""
