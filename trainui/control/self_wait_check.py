"""Whether this process is part of a stage: such a one may start runs, but not wait for them."""

from __future__ import annotations

import os

from trainui.errors import UsageError
from trainui.store.read import views
from trainui.supervisor.protocol import IDENTITY


def check_may_wait() -> None:
    """Refuse to wait for a run inside a stage of the same home.

    The stage holds its places while it waits, and the run may need them: neither would ever end.

    Raises:
        UsageError: this is such a stage.
    """
    run_id, stage = (os.environ.get(name) for name in IDENTITY[:2])
    if not run_id or not views.is_there():
        return
    with views.reading() as connection:
        found = connection.execute(
            "SELECT supervisor_pid FROM attempts JOIN stages ON stages.id = stage_id"
            " WHERE run_id = ? AND attempts.status = 'running'",
            (run_id,),
        ).fetchall()
    if {pid for (pid,) in found} & _ancestors():
        raise UsageError(
            f"this is the stage {stage} of run {run_id}, whose place the run may need that it "
            "would wait for: give --detach, or make both stages of one pipeline"
        )


def _ancestors() -> set[int]:
    import psutil

    return {parent.pid for parent in psutil.Process().parents()}
