"""Finds the files with an attempt's metrics: named ones, usual ones, and fallbacks.

Read `stage_sources` first, then `default_sources`.
"""
