"""The poller's thread: everything that reads the database, files and the machine for the screen.

Read `poller` first, then `database`, and the reader of interest: `runs.in_view`, `run.page_reader`
or `curves.curve_reader`. Pages show what arrives in `tui.data.snapshot`.
"""
