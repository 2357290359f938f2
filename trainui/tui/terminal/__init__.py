"""Terminal input and output: everything that depends on Textual's private API.

Read `driver` first (keys in, cells out), then `cell_diff`.
"""
