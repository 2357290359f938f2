"""Actions on runs, their dialogs, and the background jobs that act. Read `run_actions` first."""
