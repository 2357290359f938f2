"""The worker process: its services, its Celery app, and notifications.

Read `__main__` first (from the lock to the log), then `celery_worker` and `services`.
"""
