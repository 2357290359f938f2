"""Databases of experiment trackers."""
