"""Read-only queries in plain SQL, for the screen and the command line.

Read `views` first.
"""
