"""Every write of real trainers done again and read in all ways: `python -m tests.replay`."""
