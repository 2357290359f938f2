"""The log pane: a live, searchable window over an attempt's logs (`control.log_windows`).

Read `window_reader` first, then `view`.
"""
