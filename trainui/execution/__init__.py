"""The background processes: the broker, the worker that starts stages, and the guard of both."""
