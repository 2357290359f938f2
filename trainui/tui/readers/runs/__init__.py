"""Reads the list of runs.

Read `in_view` first: more about the visible runs than `readers.database` reads of all.
"""
