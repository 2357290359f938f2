"""Runs, stages, attempts, trials, evaluations and their events: every change to them.

Read `stages` first, then `attempts`.
"""
