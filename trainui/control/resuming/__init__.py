"""Resumes: the plan, its preview and estimates, and what carries it out.

Read `resumption` first.
"""
