"""The lifecycle of one attempt of a stage in the worker: launch, monitor, outcome.

Read `launch` first (checks an attempt and starts its supervisor), then `monitor` and
`attempt_poller`, then `outcome` (classifies an end) and `record_outcome`.
"""
