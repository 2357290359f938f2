"""Which files of an attempt hold metrics: named ones, usual ones, and fallbacks.

Read `sources` first, then `default_sources`.
"""
