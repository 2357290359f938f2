"""Scheduling: which queued stage gets which slots, and why the others wait.

Read `planner` first; the decision itself is pure and lies in `pipeline.rules.scheduling`.
"""
