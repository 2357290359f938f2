"""Actions on runs: confirmations, resume plans, edits, and the background jobs that act.

Read `run_actions` first.
"""
