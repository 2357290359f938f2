"""The command line: a module for each group of commands, `runs` and `inspect` with several.

Read `main` first (from arguments to an exit code), then `app` (the list of commands), then
`runs.run`, the command that most people type first.
"""

from trainui import installation

installation.prefer_own()  # before anything else is imported
