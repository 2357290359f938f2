"""The metrics reader: a process that tails the sources of every running attempt.

Read `__main__` first (its loop), then `attempt` and `source`.
"""
