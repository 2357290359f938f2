"""The runs that an attempt's output names as its own: Trackio and Optuna print them.

Trackio opens its database only for a moment, and several trainings share it, so what a training
prints is the evidence of which run is its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import mounts, plain_files
from trainui.metrics.trackers import optuna, trackio
from trainui.plugin import TrackedRun
from trainui.supervisor import protocol

if TYPE_CHECKING:
    from trainui.store.runs.metrics_progress import Rival

_PRINTED = re.compile(
    rb"\* Trackio project initialized: (?P<project>[^\r\n]+)"
    rb"|\* Trackio metrics logged to: (?P<place>[^\r\n]+)"
    rb"|\* (?:Created new|Resumed existing) run: (?P<run>[^\r\n]+)"
    rb"|A new study created in (?:RDB|Journal) with name: (?P<study>[^\r\n]+)"
)

_BLOCK = 1 << 20
_MOST_BYTES = 16 << 20
"""Bytes of each stream that are searched: a run is usually named near the beginning."""

_NOT_IN_A_FILE_NAME = re.compile(r"[^\w-]")

_Named = tuple[str, str, str]
"""Tracker, stem of the database's name or empty, and name of the run."""


class PrintedRuns:
    """The runs that the output of one attempt names."""

    def __init__(self, attempt_dir: Path) -> None:
        self._streams = [attempt_dir / protocol.STDOUT_FILE, attempt_dir / protocol.STDERR_FILE]
        self._offsets = dict.fromkeys(self._streams, 0)
        self._database = ""
        self.places = set[str]()
        """The directories of Trackio's databases."""
        self.counts: Counter[_Named] = Counter()
        """How often each run was named."""
        self.locks: dict[_Named, tuple[Path, Path]] = {}
        """The locks of Trackio's databases: old versions use the full name of the project."""
        self._project = ""
        self._place = ""

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
        for found in _PRINTED.finditer(text):
            kind, name = found.lastgroup, found[found.lastgroup or 0].decode("utf-8", "replace")
            if kind == "project":
                self._project = name.rstrip()
                self._database = _NOT_IN_A_FILE_NAME.sub("", name) or "default"
            elif kind == "place":
                self._place = name.rstrip()
                self.places.add(self._place)
            elif kind == "run":
                named = trackio.NAME, self._database, name.rstrip()
                self.counts[named] += 1
                place, names = Path(self._place), (self._database, self._project)
                self.locks[named] = (place / f"{names[0]}.lock", place / f"{names[1]}.lock")
            else:
                self.counts[optuna.NAME, "", name.rstrip()] += 1


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
    stem = path.stem if tracker == trackio.NAME else ""
    own: list[TrackedRun] = []
    doubtful: list[TrackedRun] = []
    for name in {named[2] for named in printed.counts if named[:2] == (tracker, stem)}:
        alike = [run for run in runs if run.name == name]
        counts = ((one, of_attempt(one.attempt_dir).update()) for one in rivals)
        others = [(one, known[tracker, stem, name]) for one, known in counts]
        for run in alike:
            if (run.started or 0.0) >= since:
                (own if _is_own(run, alike, since, others) else doubtful).append(run)
    return sorted(own, key=runs.index), doubtful


def others_naming(named: _Named, rivals: Iterable[Rival]) -> list[Rival]:
    """Return those attempts whose output names a run too."""
    return [one for one in rivals if of_attempt(one.attempt_dir).update()[named]]


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
