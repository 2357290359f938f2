"""Explains to a waiting user why no stage of a run starts."""

from __future__ import annotations

from collections.abc import Sequence

from trainui import paths, text
from trainui.domain.records import StageRecord
from trainui.domain.states import Status
from trainui.store.db import sqlite_file


def reason(stages: Sequence[StageRecord]) -> str:
    """Return why no stage starts; empty if one is running or about to start."""
    if any(stage.status == Status.RUNNING for stage in stages):
        return ""
    waiting = [stage for stage in stages if stage.status == Status.QUEUED]
    if not waiting:
        return ""
    if trouble := worker_trouble():
        return f"nothing new starts: {trouble}; see `trainui worker status`"
    first = next((stage for stage in waiting if stage.reason not in (None, "starting")), None)
    return "" if first is None else text.harmless(f"{first.name} waits: {first.reason}")


def worker_trouble() -> str:
    """Return what prevents this host's worker from starting stages; empty if nothing does."""
    from trainui.execution.daemon import desired_state, health

    home, database = paths.home(), sqlite_file.store_file()
    if database is None and not desired_state.is_wanted(home):
        return ""  # another host may run the stage
    return health.brief(home, database)
