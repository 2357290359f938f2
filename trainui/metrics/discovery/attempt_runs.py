"""The runs of trackers' databases that are an attempt's, and those that its output names.

Several trainings share the databases of Trackio, Optuna and MLflow. The rule: a run belongs to the
attempt that its tag names, or that printed its name, as Trackio and Optuna do. If the attempt
printed none, the run is its own if no other attempt ran when the run began.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainui.metrics.discovery import tracker_runs
from trainui.plugin import TrackedRun, Tracker, registry
from trainui.store.points.point_sources import key_of
from trainui.supervisor import protocol
from trainui.system import mounts, plain_files

if TYPE_CHECKING:
    from trainui.store.runs.metrics_progress import Rival

_BLOCK = 1 << 20
_MOST_BYTES = 16 << 20
"""Bytes of each stream that are searched: a run is usually named near the beginning."""

_Named = tuple[str, str, str]
"""Tracker, stem of the database's name or empty, and name of the run."""


class PrintedRuns:
    """The runs that the output of one attempt names."""

    def __init__(self, attempt_dir: Path) -> None:
        self._streams = [attempt_dir / protocol.STDOUT_FILE, attempt_dir / protocol.STDERR_FILE]
        self._offsets = dict.fromkeys(self._streams, 0)
        self._memory = defaultdict[str, dict[str, Any]](dict)
        """By tracker: what it keeps of the output so far."""
        self.places = set[str]()
        """The directories of databases that were named."""
        self.counts: Counter[_Named] = Counter()
        """How often each run was named."""

    def update(self) -> Counter[_Named]:
        """Search what was printed since the last call; return all that was named."""
        for stream in self._streams:
            if not _is_remote(stream):
                self._search(stream)
        return self.counts

    def _search(self, stream: Path) -> None:
        try:
            with plain_files.open_plain(stream) as file:
                file.seek(self._offsets[stream])
                while self._offsets[stream] < _MOST_BYTES and (block := file.read(_BLOCK)):
                    whole = block[: max(block.rfind(b"\n"), block.rfind(b"\r")) + 1]
                    if not whole and len(block) < _BLOCK:
                        return  # a line that is not finished
                    self._add(whole)
                    self._offsets[stream] += len(whole or block)
                    file.seek(self._offsets[stream])
        except OSError:
            return

    def _add(self, text: bytes) -> None:
        for tracker in registry.records(Tracker):
            named = registry.ask(tracker, tracker.printed, text, self._memory[tracker.name])
            for one in named or ():
                self.places.update([one.place] if one.place else [])
                if one.run:
                    self.counts[tracker.name, one.database, one.run] += 1


def _is_remote(stream: Path) -> bool:
    """Return True for a log that links to a file system which may not answer: an external run's."""
    try:
        return mounts.has_remote() and bool(mounts.remote_mount(str(stream.readlink())))
    except OSError:
        return False  # no link


of_attempt = lru_cache(maxsize=1024)(PrintedRuns)
"""The runs that the output of an attempt names, shared by all that ask."""


def divide(
    path: Path,
    found: Iterable[TrackedRun],
    since: float,
    printed: PrintedRuns,
    rivals: Sequence[Rival],
) -> tuple[list[TrackedRun], list[TrackedRun]] | None:
    """Return those of the runs found in a database that are an attempt's, and those in doubt.

    What it and its rivals, which have run `since` it started, have printed decides. None if the
    output names no run of this tracker.
    """
    runs = list(found)
    tracker = runs[0].tracker if runs else ""
    if not any(named[0] == tracker for named in printed.update()):
        return None
    own: list[TrackedRun] = []
    doubtful: list[TrackedRun] = []
    for named in printed.counts:
        name = named[2]
        if named[0] != tracker or named[1] not in ("", path.stem):
            continue
        alike = [run for run in runs if run.name == name]
        counts = ((one, of_attempt(one.attempt_dir).update()) for one in rivals)
        others = [(one, known[named]) for one, known in counts]
        for run in alike:
            if (run.started or 0.0) >= since:
                (own if _is_own(run, alike, since, others) else doubtful).append(run)
    return sorted(own, key=runs.index), doubtful


def _is_own(
    run: TrackedRun, alike: Iterable[TrackedRun], since: float, others: Iterable[tuple[Rival, int]]
) -> bool:
    """Return True if no other can have started a run; `others` printed its name so often."""
    started = run.started or 0.0
    older = [one.started or 0.0 for one in alike if (one.started or 0.0) < since]
    return all(
        not rival.ran_at(started) or sum(map(rival.ran_at, older)) >= count
        for rival, count in others
    )


def is_near(rival: Rival, workdir: Path) -> bool:
    """Return True if another attempt works in a directory, below it or above it."""
    return rival.workdir.is_relative_to(workdir) or workdir.is_relative_to(rival.workdir)


@dataclass
class DatabaseRuns:
    """The runs of one attempt in databases that other attempts may write too."""

    attempt_dir: Path
    workdir: Path
    printed: PrintedRuns
    known: frozenset[str] = frozenset()
    """Keys of the stage's stored sources: a run of an earlier attempt may be continued."""
    doubtful: dict[Path, str] = field(default_factory=dict)
    """By database: the name of a run that may be another attempt's."""

    def of(self, path: Path, rivals: Sequence[Rival], since: float) -> list[TrackedRun]:
        """Return the attempt's runs in a database; the other arguments are those of a search."""
        found = tracker_runs.of_database(path, since=since)
        if not found:
            return []
        divided = divide(path, found, since, self.printed, rivals)
        own, doubtful = divided or ([], [])
        self.doubtful.pop(path, None)
        if doubtful:
            self.doubtful[path] = doubtful[0].name
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
