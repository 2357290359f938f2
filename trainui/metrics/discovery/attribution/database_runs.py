"""Attributes the runs of a tracker's database to attempts.

The rule: a run belongs to the attempt that its tag names, or that printed its id. If the attempt
printed none, the run is its own if no other attempt ran when the run began.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from trainui.metrics.discovery import configuration, tracker_runs
from trainui.metrics.discovery.attribution import by_parameters, printed_runs, trackio_batches
from trainui.metrics.discovery.attribution.printed_runs import PrintedRuns
from trainui.metrics.discovery.attribution.writer_samples import LOCK, WriterSamples
from trainui.metrics.trackers import database, trackio
from trainui.plugin import TrackedRun
from trainui.store.points.source_record import key_of

if TYPE_CHECKING:
    from trainui.store.runs.metrics_progress import Rival


def is_near(rival: Rival, workdir: Path) -> bool:
    """Return True if another attempt works in a directory, below it or above it."""
    return rival.workdir.is_relative_to(workdir) or workdir.is_relative_to(rival.workdir)


@dataclass
class DatabaseRuns:
    """The runs of one attempt in databases that other attempts may write too."""

    attempt_dir: Path
    workdir: Path
    parameters: by_parameters.Parameters
    """The stage's."""
    printed: PrintedRuns
    samples: WriterSamples
    known: frozenset[str] = frozenset()
    """Keys of the stage's stored sources: a run of an earlier attempt may be continued."""
    doubtful: dict[Path, str] = field(default_factory=dict)
    """By database: the name of a run that may be another attempt's."""
    wanted: set[Path] = field(default_factory=set)
    """The locks of databases whose runs only samples of open files can attribute."""
    _decided: set[Path] = field(default_factory=set)
    """The locks of databases whose runs are attributed."""

    def of(
        self, path: Path, rivals: Sequence[Rival], since: float, *, ended: bool
    ) -> list[TrackedRun]:
        """Return the attempt's runs in a database; the other arguments are those of a search."""
        found = tracker_runs.of_database(path, since=since)
        if not found:
            return []
        divided = printed_runs.divide(path, found, since, self.printed, rivals)
        own, doubtful = divided or ([], [])
        if doubtful:
            own += self._written(path, doubtful, rivals, ended=ended)
        shared = not path.is_relative_to(self.workdir)
        near = [one for one in rivals if shared or is_near(one, self.workdir)]
        return [
            run
            for run in found
            if f"{key_of(path)}#{run.id}" in self.known
            or run in own
            or tracker_runs.is_of(
                *(run, self.attempt_dir, since),
                alone=divided is None and not any(one.ran_at(run.started or 0) for one in near),
            )
        ]

    def _written(
        self, path: Path, doubtful: Sequence[TrackedRun], rivals: Sequence[Rival], *, ended: bool
    ) -> list[TrackedRun]:
        """Return those of some runs of Trackio that processes of the attempt were seen to write."""
        copy = database.copies.get(path)
        if copy is None or copy.tracker is not trackio:
            return []
        named = self.printed.locks.items()
        noted = (lock for (_, stem, _), both in named if stem == path.stem for lock in both)
        locks = {path.with_suffix(LOCK), *(self.workdir / lock for lock in noted)}
        opened = self.samples.opened(locks)
        batches = trackio.batches(copy.connection)
        own = list[TrackedRun]()
        for name in {run.name for run in doubtful}:
            alike = {run.id: run for run in doubtful if run.name == name}
            others = printed_runs.others_naming((trackio.NAME, path.stem, name), rivals)
            attempts = [self.attempt_dir, *(one.attempt_dir for one in others)]
            found = trackio_batches.divide(attempts, alike.keys(), opened, batches)[
                self.attempt_dir
            ]
            if not found and ended:  # its own may be one that is still to come
                recorded = {id_: configuration.flat(run.params) for id_, run in alike.items()}
                theirs = (by_parameters.of_stage(one.definition) for one in others)
                fitting = by_parameters.divide(recorded, self.parameters, theirs)
                found = set() if fitting is None else {fitting}
            own += [alike[run] for run in found]
        self.doubtful.pop(path, None)
        if own:
            self._decided |= locks
        else:
            self.doubtful[path] = doubtful[0].name
            self.wanted |= locks
        return own

    def locks(self, rivals: Sequence[Rival]) -> Iterator[Path]:
        """Yield the locks of the databases in which it is not known which run is the attempt's.

        They are known before the first row is written.
        """
        yield from self.wanted
        running = [one for one in rivals if one.ended == math.inf]
        for named, paths in self.printed.locks.items():
            locks = {self.workdir / path for path in paths}
            if self._decided.isdisjoint(locks) and printed_runs.others_naming(named, running):
                yield from locks
