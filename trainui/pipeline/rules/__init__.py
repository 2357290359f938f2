"""Pure decisions about a graph of stages: scheduling, retries, dependants, resume plans.

Read `scheduling` first (what may start now, and why the rest waits), then `resume_plan`.
"""
