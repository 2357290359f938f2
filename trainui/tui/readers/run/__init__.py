"""Reads a run's page: its stages, the selected stage's activity and files.

Read `page_reader` first.
"""
