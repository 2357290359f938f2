"""Small requests, and who may make which: pause the queue, change a run's priority, add a note.

An agent is a program that acts for a person: one over MCP, or a shell with `TRAINUI_AGENT=1`. What
it may do has fences (the setting `agent_limits`), against mistakes: whoever owns the shell can take
them away. Nor may a stage wait for a run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import formatting, settings, wakeup
from trainui.errors import AgentLimitError, UsageError
from trainui.model.records import RunRecord
from trainui.model.states import AGENT, NOTE
from trainui.store.db import engine
from trainui.store.db.engine import open_store
from trainui.store.db.statements import Connection
from trainui.store.read import views
from trainui.store.runs import runs
from trainui.supervisor.protocol import IDENTITY

if TYPE_CHECKING:
    from trainui.model.definition import StageDefinition

_LONGEST = 2000
"""Characters of a note, which the list and the digest quote."""

AGENT_VARIABLE = "TRAINUI_AGENT"

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
    return None if os.environ.get(AGENT_VARIABLE, "").casefold() in _NOT_SET else "agent"


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


def record_deed(connection: Connection, run_id: str, deed: str, stages: Sequence[str] = ()) -> None:
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
    run = views.existing_run(connection, run_id)
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


def set_paused(paused: bool) -> None:
    """Pause or resume the queue. While it is paused no stage starts; running stages continue."""
    check_all("pause the queue" if paused else "let the queue go on")
    with open_store().write() as connection:
        runs.set_flag(connection, runs.PAUSED, "1" if paused else None)
    wakeup.wake()


def toggle_paused() -> bool:
    """Pause the queue, or resume it if it is paused; return True if it is paused now."""
    check_all("pause the queue")
    with open_store().write() as connection:
        paused = views.flag(connection, runs.PAUSED) is None
        runs.set_flag(connection, runs.PAUSED, "1" if paused else None)
    wakeup.wake()
    return paused


def change_priority(run_id: str, change: int) -> int:
    """Raise (1) or lower (-1) a run's priority; return the new one, or raise NotFoundError."""
    with open_store().write() as connection:
        run = run_to_change(connection, run_id, "change the priority of")
        priority = run.priority + change
        runs.set_priority(connection, run_id, priority)
    wakeup.wake()
    return priority


def count_ahead(run_id: str, stages: Iterable[StageDefinition]) -> int:
    """Return how many stages of other runs hold or wait for the slots that a run needs first.

    0 if a first stage can start at once.
    """
    needs = {(stage.gpus, stage.cpus) for stage in stages if not stage.depends_on}
    with engine.reading() as connection:
        others = views.in_slots_or_queue(connection, besides=run_id)
    return min((_ahead(others, *need) for need in needs), default=0) if others else 0


def _ahead(others: Iterable[StageDefinition], gpus: int, cpus: int) -> int:
    from trainui.execution.gpus import usable_gpus

    alike = [stage for stage in others if (stage.gpus > 0) == (gpus > 0)]
    slots = len(usable_gpus().gpus) if gpus else settings.load().cpus
    taken = sum(stage.gpus or stage.cpus for stage in alike)
    return len(alike) if taken + (gpus or cpus) > slots else 0


VERDICTS = ("keep", "discard")


def check_note(text: str, verdict: str | None = None) -> None:
    """Raise UsageError for a note that is empty or too long, or an unknown verdict."""
    if not text.strip() and verdict is None:
        raise UsageError("the note is empty; give a text, or the verdict keep or discard")
    if len(text) > _LONGEST:
        raise UsageError(f"the note has {len(text)} characters; at most {_LONGEST} are allowed")
    if verdict not in (None, *VERDICTS):
        raise UsageError(f"--verdict {verdict!r}: expected {' or '.join(VERDICTS)}")


def add_note(run_id: str, text: str, verdict: str | None = None) -> None:
    """Add a note to a run, its secrets masked; raise UsageError for one that `check` rejects."""
    from trainui.store import shell_environment

    check_note(text, verdict)
    with open_store().write() as connection:
        run = views.existing_run(connection, run_id)
        note = shell_environment.masker(Path(run.directory)).text(text.strip())
        record_note(connection, run_id, note, verdict)
        record_deed(connection, run_id, "noted")
    wakeup.wake()


def record_note(connection: Connection, run_id: str, note: str, verdict: str | None = None) -> None:
    """Record a note that was checked, its secrets masked."""
    shown = ": ".join(part for part in (verdict, note) if part)
    runs.record_event(connection, run_id, NOTE, shown, data={"note": note, "verdict": verdict})
    runs.set_note(connection, run_id, note or None, verdict)
