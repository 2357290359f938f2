"""The terminal: everything that depends on Textual's private parts.

Read `driver` first (keys in, cells out), then `cell_diff`.
"""
