"""The log pane: a live, searchable window over an attempt's logs (`control.logs`).

Read `window_reader` first, then `view`.
"""
