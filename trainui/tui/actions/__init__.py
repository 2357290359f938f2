"""Actions on runs: confirmations, resume plans and edits; the app runs them in a thread.

Read `plan_screen` first; `tui.page` opens them.
"""
