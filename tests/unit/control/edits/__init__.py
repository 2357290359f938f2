"""Tests of edits to a run's pipeline."""
