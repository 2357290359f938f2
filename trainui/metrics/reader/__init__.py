"""The metrics reader: a process that tails the sources of every running attempt.

Read `process_loop` first, then `attempt` and `source`; `entry` is the process.
"""
