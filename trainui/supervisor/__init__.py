"""The per-stage supervisor process, and functions to launch, probe and stop it.

Read `supervise` first (the process itself; standard library only), then `process` (the worker's
side) and `protocol` (the files between the two).
"""
