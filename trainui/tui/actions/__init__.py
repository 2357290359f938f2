"""Actions on runs: confirmations, resume plans and edits; `tui.host` runs them in a thread.

Read `run_actions` first.
"""
