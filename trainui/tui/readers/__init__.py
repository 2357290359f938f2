"""The poller's thread: everything that reads the database, files and the machine for the screen.

Read `poller` first, then `database`, and the reader of interest: `stage_values`, `page_reader` or
`curve_reader`. Pages show what arrives in `tui.snapshot`.
"""
