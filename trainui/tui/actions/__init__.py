"""What a person does to runs: confirmations, plans, edits, and the threads that act.

Read `run_actions` first.
"""
