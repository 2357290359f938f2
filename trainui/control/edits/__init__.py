"""Edits to a run's pipeline after submission.

Read `pipeline_changes` first (what a resume with an edited file changes), then `file_changes` (the
file on disk) and `inline_edit` (values typed into the screen).
"""
