"""The run of a trial, and the faults applied to it, which may explain its attempts' outcomes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.pipelines import Pipeline
from trainui.model.states import ENDED, Status
from trainui.store.db import engine, statements

Key = tuple[str, str, int]
"""An attempt: its run's id, its stage's name, its number."""

Window = tuple[float, float]
"""Seconds since 1970."""


@dataclass(frozen=True)
class Attempt:
    """An attempt that runs as far as the store knows."""

    key: Key
    pid: int | None
    supervisor_pid: int | None


@dataclass
class Scene:
    """A run under faults."""

    run_id: str
    random: random.Random
    directory: Path
    """Outside of the home."""
    disk: Path | None
    """The small disk on which the home lies; None where none can be made here."""
    bystander: tuple[str, Pipeline] | None = None
    """Another run of the same home, which may be deleted."""
    killed: set[Key] = field(default_factory=set)
    """Attempts whose own process was killed."""
    orphaned: set[Key] = field(default_factory=set)
    """Attempts whose supervisor was killed."""
    cancels: list[Window] = field(default_factory=list)
    """When stages were cancelled."""
    full: list[Window] = field(default_factory=list)
    """When the disk was full."""
    faults: list[str] = field(default_factory=list)
    """The faults, in order."""
    _ended: set[Key] = field(default_factory=set)
    _undone: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def running(self) -> list[Attempt]:
        """Return the attempts of all runs of the home that run."""
        with engine.reading() as connection:
            return [one for status, one in _attempts(connection) if status == Status.RUNNING]

    def just_ended(self, connection: statements.Connection) -> list[Key]:
        """Return the attempts whose end came on record since the last call."""
        ended = {one.key for status, one in _attempts(connection) if status in ENDED}
        new = ended - self._ended
        self._ended |= new
        return list(new)

    def one_running(self) -> Attempt | None:
        """Return a random running attempt whose process has started; None if there is none."""
        found = [one for one in self.running() if one.pid and one.supervisor_pid]
        return self.random.choice(found) if found else None

    def later(self, longest: float, undo: Callable[[], object]) -> None:
        """Undo a fault after a while."""
        self._undone.append((time.monotonic() + self.random.uniform(0.2, longest), undo))

    def undo(self, *, all_of_it: bool = False) -> None:
        """Undo what is due."""
        now = time.monotonic()
        due = [one for one in self._undone if all_of_it or one[0] <= now]
        self._undone = [one for one in self._undone if one not in due]
        for _when, undo in due:
            undo()


def _attempts(connection: statements.Connection) -> list[tuple[Status, Attempt]]:
    found = connection.execute(
        "SELECT attempts.status, run_id, name, number, pid, supervisor_pid FROM attempts "
        "JOIN stages ON stages.id = stage_id"
    ).fetchall()
    return [
        (Status(status), Attempt((run, stage, int(number)), pid, supervisor))
        for status, run, stage, number, pid, supervisor in found
    ]
