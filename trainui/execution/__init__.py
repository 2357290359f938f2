"""The background processes: broker, worker and guard, and the services of the worker.

Read `worker.services` first (the threads of a worker), then `planner` (which stage starts),
`attempt.launch` and `attempt.monitor` (an attempt from its start to its end).
"""
