"""The data of the screen: one thread reads the store and hands over frozen snapshots.

Read `poller` first, then `snapshot`.
"""
