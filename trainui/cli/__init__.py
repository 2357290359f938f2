"""The command line: a module for each group of commands.

Read `main` first (from arguments to an exit code), then `app` (the list of commands), then `run`,
the command that most people type first, then `waiting`. Those that show runs have the same steps:
resolve RUN, query, print text or JSON.
"""

from trainui import installation

installation.prefer_own()  # before anything else is imported
