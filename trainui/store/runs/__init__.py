"""Runs, stages, attempts, attempts and events: every change to them.

Read `stages` first, then `attempts`.
"""
