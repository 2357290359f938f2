"""An attempt's logs: windows over files of any length, live at their end, searched.

Read `attempt_log` first, then `view`.
"""
