"""What agents and stages may do: who acts, the setting `agent_limits`, and the event of a deed.

An agent is a program that acts for a person: one over MCP, or a shell with `TRAINUI_AGENT=1`. The
fences are against mistakes: whoever owns the shell can take them away.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from trainui import formatting, settings
from trainui.errors import AgentLimitError, UsageError
from trainui.model.records import RunRecord
from trainui.model.states import AGENT
from trainui.resume.submitted import existing_run
from trainui.store.db import engine
from trainui.store.db.statements import Connection
from trainui.store.read import views
from trainui.store.runs import runs
from trainui.supervisor.protocol import IDENTITY

VARIABLE = "TRAINUI_AGENT"

_NOT_SET = ("", "0", "false", "no")

_acting: list[str] = []
"""Who acts in this process, if it said so."""


def act_as(by: str) -> None:
    """Record all that this process does from now on as done by an agent, e.g. `mcp`."""
    _acting[:] = [by]


def actor() -> str | None:
    """Return which kind of agent acts, `mcp` or `agent`; None: a person."""
    if _acting:
        return _acting[0]
    return None if os.environ.get(VARIABLE, "").casefold() in _NOT_SET else "agent"


def check_run(run: RunRecord, deed: str) -> None:
    """Raise AgentLimitError if an agent may not do this to a run, e.g. `cancel`."""
    if actor() is None or run.started_by is not None:
        return
    if not settings.load().agent_limits.others:
        raise AgentLimitError(
            f"agents may not {deed} {run.name}, which no agent started (setting "
            "agent_limits.others): ask the person who did"
        )


def check_all(deed: str) -> None:
    """Raise AgentLimitError if an agent may not do what concerns all runs."""
    if actor() is not None and not settings.load().agent_limits.others:
        raise AgentLimitError(
            f"agents may not {deed}, which concerns the runs of others (setting "
            "agent_limits.others): ask a person to do it"
        )


def check_delete() -> None:
    """Raise AgentLimitError if an agent may not delete."""
    if actor() is not None and not settings.load().agent_limits.rm:
        raise AgentLimitError(
            "agents may not delete runs (setting agent_limits.rm): name them to a person, who can"
        )


def check_room(connection: Connection, run_id: str | None = None) -> None:
    """Raise AgentLimitError if an agent may not start another run, or this one again."""
    most = settings.load().agent_limits.runs
    if actor() is None or most is None:
        return
    active = runs.count_of_agents(connection, besides=run_id)
    if active >= most:
        raise AgentLimitError(
            f"agents may have {formatting.quantity(most, 'run')} at once (setting "
            f"agent_limits.runs), and {active} of theirs have not ended: wait for one"
        )


def record(connection: Connection, run_id: str, deed: str, stages: Sequence[str] = ()) -> None:
    """Record an agent's deed in the run's history, e.g. `cancelled`; nothing for a person."""
    if (by := actor()) is None:
        return
    words = f": {formatting.first(list(stages))}" if stages else ""
    data = {"by": by, "deed": deed}
    runs.record_event(connection, run_id, AGENT, f"{deed} by {by}{words}", data=data)


def run_to_change(connection: Connection, run_id: str, deed: str) -> RunRecord:
    """Return a run that is about to be changed.

    Raises:
        NotFoundError: it does not exist.
        AgentLimitError: an agent may not do this to it.
    """
    run = existing_run(connection, run_id)
    check_run(run, deed)
    return run


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
