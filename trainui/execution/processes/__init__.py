"""The processes of a home: the one that is wanted, started, locked for its lifetime, respawned.

Read `desired_state` first, then `locks` (the only proof that a process is alive) and `spawn`.
"""
