"""Stall detection: a running attempt that is silent for much longer than its cadence.

Read `detector` first.
"""
