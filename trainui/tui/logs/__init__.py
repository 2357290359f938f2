"""An attempt's logs: a live, searchable window over files of any length.

Read `attempt_log` first, then `view`.
"""
