"""The screen's data: one thread polls the store and delivers frozen snapshots.

Read `poller` first, then `snapshot`.
"""
