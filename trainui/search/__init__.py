"""Searches: asks Optuna for the values of trials, and reports how they ended.

Read `searcher` first: the protocol between the study and the store. Optuna is imported by `study`
and `samplers` alone, which only a worker with an open search imports.
"""
