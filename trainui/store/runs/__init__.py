"""Runs, stages, attempts, events and hosts: the tables, and every change to them.

Read `tables` first, then `stages` and `attempts`.
"""
