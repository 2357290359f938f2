"""The records of a run in the store and in the ledger, for comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from tests.chaos.pipelines import Entry, Pipeline, read_ledger
from tests.chaos.scene import Key, Window
from trainui.model.records import AttemptRecord
from trainui.store.db import engine, statements
from trainui.store.points import read_points
from trainui.store.read import views


@dataclass(frozen=True)
class Tried:
    """An attempt: its record in the store, and the ledger entries of its processes."""

    key: Key
    record: AttemptRecord
    entries: list[Entry]
    got_nowhere: bool
    """True if the store records that it made no progress from its checkpoint."""

    def __str__(self) -> str:
        return f"{self.key[1]} attempt {self.number}"

    @property
    def number(self) -> int:
        """The attempt's number, from 1."""
        return self.record.number

    @property
    def starts(self) -> list[Entry]:
        """The start entries of its processes."""
        return self._of("start")

    @property
    def start(self) -> Entry | None:
        """The start entry of its first process."""
        return next(iter(self.starts), None)

    @property
    def points(self) -> list[Entry]:
        """Points, each entered just before it was written."""
        return self._of("point")

    @property
    def checkpoints(self) -> list[Entry]:
        """Checkpoints, each entered just before it was written."""
        return self._of("checkpoint")

    @property
    def end(self) -> Entry | None:
        """The end entry of its process."""
        return next(iter(self._of("end")), None)

    def overlaps(self, windows: Iterable[Window]) -> bool:
        """Return True if it ran during one of these windows, or within 2 s of it."""
        began, ended = self.entries[0].time, self.entries[-1].time
        return any(first <= ended + 2 and last >= began - 2 for first, last in windows)

    def _of(self, what: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.what == what]


class Evidence:
    """The current records of a run's stages and attempts."""

    def __init__(self, run_id: str, pipeline: Pipeline) -> None:
        self.entries = read_ledger(pipeline.ledger)
        self._run_id = run_id
        with engine.reading() as connection:
            self.stages = views.stages(connection, run_id)
            self._attempts = views.attempts(connection, run_id)
            self._in_vain = _in_vain(connection)
            self.points = self._points(connection)

    @cached_property
    def tries(self) -> dict[str, list[Tried]]:
        """The attempts by stage name, in order."""
        return {
            stage.name: [self._tried(stage.name, one) for one in self._attempts.get(stage.id, ())]
            for stage in self.stages
        }

    def _tried(self, stage: str, record: AttemptRecord) -> Tried:
        entries = [entry for entry in self.entries if entry.key == (stage, record.number)]
        key = (self._run_id, stage, record.number)
        return Tried(key, record, entries, record.id in self._in_vain)

    def _points(self, connection: statements.Connection) -> dict[Key, Counter[tuple[float, float]]]:
        names = {stage.id: stage.name for stage in self.stages}
        found = {
            (self._run_id, names[owner], one.number): Counter[tuple[float, float]]()
            for owner, tries in self._attempts.items()
            for one in tries
        }
        for point in read_points.points(connection, list(names)):
            if point.name == "loss":
                key = (self._run_id, names[point.owner], point.attempt)
                found[key][(point.step, point.value)] += 1
        return found


def _in_vain(connection: statements.Connection) -> set[int]:
    found = connection.execute("SELECT id FROM attempts WHERE checkpoint_tried")
    return {int(row[0]) for row in found}
