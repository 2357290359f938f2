"""Small requests: pause the queue, change a run's priority, add a note; count what is ahead."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trainui import settings, wakeup
from trainui.control import agents
from trainui.errors import UsageError
from trainui.execution.gpus import usable_gpus
from trainui.model.definition import StageDefinition
from trainui.model.states import NOTE
from trainui.resume.submitted import existing_run
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.db.engine import open_store
from trainui.store.db.statements import Connection
from trainui.store.read import views
from trainui.store.runs import runs


def set_paused(paused: bool) -> None:
    """Pause or resume the queue. While it is paused no stage starts; running stages continue."""
    agents.check_all("pause the queue" if paused else "let the queue go on")
    with open_store().write() as connection:
        runs.set_flag(connection, runs.PAUSED, "1" if paused else None)
    wakeup.wake()


def toggle_paused() -> bool:
    """Pause the queue, or resume it if it is paused; return True if it is paused now."""
    agents.check_all("pause the queue")
    with open_store().write() as connection:
        paused = runs.flag(connection, runs.PAUSED) is None
        runs.set_flag(connection, runs.PAUSED, "1" if paused else None)
    wakeup.wake()
    return paused


def change_priority(run_id: str, change: int) -> int:
    """Raise (1) or lower (-1) a run's priority; return the new one, or raise NotFoundError."""
    with open_store().write() as connection:
        run = agents.run_to_change(connection, run_id, "change the priority of")
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
    alike = [stage for stage in others if (stage.gpus > 0) == (gpus > 0)]
    slots = len(usable_gpus().gpus) if gpus else settings.load().cpus
    taken = sum(stage.gpus or stage.cpus for stage in alike)
    return len(alike) if taken + (gpus or cpus) > slots else 0


VERDICTS = ("keep", "discard")

_LONGEST = 2000


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
    check_note(text, verdict)
    with open_store().write() as connection:
        run = existing_run(connection, run_id)
        note = shell_environment.masker(Path(run.directory)).text(text.strip())
        record_note(connection, run_id, note, verdict)
        agents.record(connection, run_id, "noted")
    wakeup.wake()


def record_note(connection: Connection, run_id: str, note: str, verdict: str | None = None) -> None:
    """Record a note that was checked, its secrets masked."""
    shown = ": ".join(part for part in (verdict, note) if part)
    runs.record_event(connection, run_id, NOTE, shown, data={"note": note, "verdict": verdict})
    runs.set_note(connection, run_id, note or None, verdict)
