"""Metrics: files that trainings write, read as they grow and stored as points."""
