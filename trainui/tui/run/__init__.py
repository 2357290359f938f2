"""A run's page: the panes beside its DAG.

Read `screen` first, then `reader` and `stage_panel`.
"""
