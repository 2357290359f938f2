"""The worker's check of the guard: each of the two respawns the other."""

from __future__ import annotations

import time

from trainui.execution.daemon import desired_state, locks, prestart, spawn
from trainui.execution.daemon.respawn import RespawnedProcess
from trainui.paths import Home

LOOK_EVERY = 1.0
"""Seconds."""


class WatchdogMonitor:
    """Starts the guard if it is not running although the worker is wanted."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._respawned = RespawnedProcess(
            "guard",
            lambda: spawn.spawn(prestart.GUARD_ARGV, home.guard_log),
            lambda: locks.is_held(home.guard_lock),
        )
        self._looked_at = 0.0

    def look(self) -> None:
        """Start the guard if it is missing and a check is due."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY and desired_state.is_wanted(self._home):
            self._looked_at = now
            self._respawned.poll(now)
