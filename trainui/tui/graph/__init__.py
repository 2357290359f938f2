"""A run's DAG as lines of text, and its timeline.

Read `layout` first, then `view`.
"""
