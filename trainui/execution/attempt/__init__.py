"""One attempt of a stage in the worker: launch, monitor, outcome.

Read `launch` first, then `monitor`, then `outcome` (how an end is classified) and `record_outcome`.
"""
