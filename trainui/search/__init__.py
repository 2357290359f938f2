"""Searches: asks Optuna for the values of trials, and reports how they ended.

Read `searcher` first: the protocol between the study and the store; then `trial_watch`. Optuna is
imported only by modules that a worker with an open search imports.
"""
