"""External runs in the worker: how trainings are stored, followed and ended.

Read `external_watch` first: it records the ends, by trackers' files or by adopted processes.
"""
