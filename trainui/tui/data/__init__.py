"""The data of the screen, read in one thread. Read `poller` first, then `snapshot`."""
