"""The screen: what a person sees and presses, over the store and `trainui.control`.

Read `app` first (a table of contents), then `data.poller` (the thread that reads), `keymap`, and
the page of interest: `runs.screen`, `run.screen`, `curves.screen` or `machine.screen`.
"""
