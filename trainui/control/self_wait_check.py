"""Prevents a stage from waiting for another run: it may start runs, but not wait for them."""

from __future__ import annotations

import os

from trainui.errors import UsageError
from trainui.store.db import engine
from trainui.store.read import views
from trainui.supervisor.protocol import IDENTITY


def check_may_wait() -> None:
    """Raise UsageError if this process, which would wait for a run, is part of a stage.

    The stage would keep its slots while it waits, and the run may need them: a deadlock.
    """
    run_id, stage = (os.environ.get(name) for name in IDENTITY[:2])
    if not run_id or not engine.exists():
        return
    with engine.reading() as connection:
        supervisors = views.supervisors(connection, run_id)
    if not supervisors:
        return
    import psutil

    if supervisors & {parent.pid for parent in psutil.Process().parents()}:
        raise UsageError(
            f"stage {stage} of run {run_id} cannot wait for another run, which may need its slot: "
            "use --detach, or put both into one pipeline"
        )
