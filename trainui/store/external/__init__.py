"""Runs that trainui did not start: how they are stored, and what their watch records.

Read `external_runs` first.
"""
