"""Stall detection: a running attempt with no output for much longer than its cadence.

Read `detector` first.
"""
