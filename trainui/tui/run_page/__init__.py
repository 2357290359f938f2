"""A run's page: the DAG and the panes of the selected stage.

Read `screen` first, then `layout`.
"""
