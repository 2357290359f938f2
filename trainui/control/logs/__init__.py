"""An attempt's logs: files of any length, on this host or another one.

Read `attempt_log` first (any part, as a terminal shows it), then `raw_lines` (all bytes, in order).
"""
