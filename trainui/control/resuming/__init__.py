"""Resumes and reruns: the plan, its preview and estimates, and what carries it out.

Read `planning` first, then `resumption`.
"""
