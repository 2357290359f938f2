"""The worker process: its threads, its Celery app, and what it reports to people.

Read `__main__` first (from the lock to the log), then `celery_worker` and `services`.
"""
