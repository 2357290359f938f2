"""Reads the list of runs.

Read `list_cache` first (all runs, incrementally), then `in_view` (more about the visible ones).
"""
