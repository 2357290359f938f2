"""Finds the files with an attempt's metrics: named ones, usual ones, and fallbacks.

Read `sources` first, then `default_sources`.
"""
