"""Trainings that trainui did not start: how they are added and adopted.

Read `external` first.
"""
