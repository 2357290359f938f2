"""A stage's checkpoints: which of them are its own, and the one that it continues from.

It continues from the newest complete one that it wrote itself and that has not failed: one fails if
an attempt that continued from it ended without progress.

A path outside the stage's directory may be shared with other runs, so the matching files are noted
before and after each attempt; the attempt wrote those that changed in between. Sizes and
modification times are compared with earlier ones and not with the clock, which may be another
machine's. In a directory only the largest files are compared, so files added later, e.g. evaluation
results, make no difference. Writing a note raises OSError if that is impossible.
"""

from __future__ import annotations

import heapq
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainui import clock, paths, system
from trainui.model.definition import CheckpointRule, StageDefinition
from trainui.model.records import StageRecord
from trainui.pipeline.field_names import CHECKPOINT_VARIABLE
from trainui.record import dataclass
from trainui.resume import integrity
from trainui.resume.integrity import files_of, written_at
from trainui.resume.outputs import first_matches, fixed_part, roots, unsearched
from trainui.store.read import evaluations, views
from trainui.store.read.evaluations import CheckpointRecord
from trainui.store.read.views import Overlap
from trainui.supervisor import protocol

if TYPE_CHECKING:
    from trainui.store.db.engine import Database
    from trainui.store.db.statements import Connection


NOTE = "checkpoints.json"
"""File in the attempt's directory: `before` and `after`, each with a state by path."""

LARGEST = 20
"""The number of files compared in a directory."""

State = Sequence[tuple[str, int, int]]
"""For each file: name in the directory (empty for a single file), size, modification time."""
_States = Mapping[str, State]

Tried = Mapping[str, int]
"""Paths of failed checkpoints, each with the start of the attempt that made no progress from it, in
microseconds. A checkpoint written again after that counts as a new one."""

_NONE: Tried = {}


def _no_rivals() -> Sequence[Overlap]:
    return ()


@dataclass(frozen=True)
class CheckpointSearch:
    """A search for a stage's checkpoints: where they are, and which ones count."""

    rule: CheckpointRule | None
    """The stage's `checkpoint` field; None: it writes none."""
    roots: tuple[Path, ...]
    """The stage's directory, which is private to it, and other bases of relative paths."""
    attempts: tuple[Path, ...] = ()
    """Directories of the stage's attempts, whose checkpoints outside its directory count."""
    shared: Path | None = None
    """A directory whose checkpoints do not count, since members of a sweep share it."""
    rivals: Callable[[], Sequence[Overlap]] = _no_rivals
    """Returns other stages' attempts that may have written them; called only if needed."""
    by_itself: bool = False
    """True if trainui does not pass the checkpoint to the command, which may find one itself."""

    @cached_property
    def found(self) -> list[Path]:
        """All matches, newest first: by mtime, then in natural order of names."""
        return self._sorted(self.roots)

    @cached_property
    def passed_by(self) -> list[Path]:
        """Matches in the shared directory, newest first, if there are none elsewhere."""
        shared = [self.shared] if self.shared and not self.found else []
        return self._sorted(shared)

    def outside(self) -> list[Path]:
        """Return the matches outside the stage's directory."""
        return [path for path in self.found if not self.is_inside(path)]

    def is_inside(self, path: Path) -> bool:
        """Return True if a path, links resolved, is in the stage's directory."""
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.roots[0]))

    def wrote(self, path: Path) -> bool:
        """Return True if one of the attempts wrote what is at a path now."""
        return any(note.wrote(path) for note in self._notes)

    def rival_for(self, path: Path) -> Overlap | None:
        """Return another stage's attempt that may have written it too; None if there is none."""
        written = written_at(path)
        return next((one for one in self._rivals if one.may_have_written(written)), None)

    @cached_property
    def _notes(self) -> list[Note]:
        return [read_note(one) for one in self.attempts]

    @cached_property
    def _rivals(self) -> Sequence[Overlap]:
        return self.rivals()

    def problem(self, path: Path) -> str | None:
        """Return why a checkpoint is not complete; None if nothing shows that."""
        if path not in self._problems:
            complete = self.rule.complete if self.rule else None
            self._problems[path] = integrity.problem(path, complete)
        return self._problems[path]

    def is_complete(self, path: Path) -> bool:
        """Return True if a checkpoint is complete, as far as its format can be checked."""
        return self.problem(path) is None

    @cached_property
    def _problems(self) -> dict[Path, str | None]:
        return {}

    def _sorted(self, places: Sequence[Path]) -> list[Path]:
        found = first_matches(self.rule.glob, places) if self.rule else []
        return sorted(found, key=lambda path: (written_at(path), _natural(str(path))), reverse=True)


def search(
    definition: StageDefinition,
    stage_dir: str | Path,
    attempts: Iterable[str | Path] = (),
    rivals: Callable[[], Sequence[Overlap]] = _no_rivals,
) -> CheckpointSearch:
    """Return the search for the checkpoints of a stage."""
    pattern = definition.checkpoint.glob if definition.checkpoint else ""
    places = tuple(roots(pattern, definition, stage_dir))
    shared = unsearched(pattern, definition, stage_dir)
    dirs, by_itself = tuple(map(Path, attempts)), _finds_its_own(definition)
    return CheckpointSearch(definition.checkpoint, places, dirs, shared, rivals, by_itself)


def _finds_its_own(definition: StageDefinition) -> bool:
    if definition.resume_args is not None or definition.resume_run is not None:
        return False
    return definition.task is None and CHECKPOINT_VARIABLE not in str(definition.command)


def requested(definition: StageDefinition) -> Path | None:
    """Return the checkpoint that the stage's `env` sets, used if the stage wrote none itself."""
    path = definition.env.get(CHECKPOINT_VARIABLE)
    return Path(definition.workdir, Path(path).expanduser()) if path else None


def find(where: CheckpointSearch, tried: Tried = _NONE, *, asked: bool = False) -> str | None:
    """Return the checkpoint to continue from, as an absolute path; None if there is none.

    It is the newest complete one that the stage wrote and that has not failed. If all of them
    failed and a user requested this attempt (`asked`), it is the newest: the cause may be fixed by
    now.
    """
    found = complete(where)
    newest = next(found, None)
    if newest is None or not is_tried(newest, tried):
        return newest
    untried = (checkpoint for checkpoint in found if not is_tried(checkpoint, tried))
    return next(untried, newest if asked else None)


def exhausted(where: CheckpointSearch, tried: Tried) -> bool:
    """Return True if there are complete checkpoints and all of them failed."""
    found = list(complete(where))
    return bool(found) and all(is_tried(checkpoint, tried) for checkpoint in found)


def newer_than(where: CheckpointSearch, mtime_ns: int) -> bool:
    """Return True if a complete checkpoint was written after a time of the file system's clock.

    Outside the stage's directory, any checkpoint counts that an attempt of the search wrote.
    """
    newest = next(complete(where), None)
    if newest is None:
        return False
    return written_at(Path(newest)) >= mtime_ns or not where.is_inside(Path(newest))


def complete(where: CheckpointSearch) -> Iterator[str]:
    """Yield the complete checkpoints that the stage wrote, newest first."""
    for path, is_own in with_ownership(where):
        if is_own and where.is_complete(path):
            yield str(path)


def foreign(where: CheckpointSearch) -> str | None:
    """Return the newest complete checkpoint if no attempt of the stage wrote it, else None."""
    for path, is_own in with_ownership(where):
        if where.is_complete(path):
            return None if is_own else str(path)
    return None


def reason_unused(where: CheckpointSearch) -> str | None:
    """Return a message on why the newest checkpoint, or any, is not used.

    None if it is used, or if the stage had no attempt that could have written one.
    """
    if where.rule is None:
        return None
    if (other := foreign(where)) is not None:
        return f"{other} is not used, since {_why_foreign(where, Path(other))}; {_advice(where)}"
    if where.found:
        if next(complete(where), None) is not None:
            return _why_earlier(where)
        newest = where.found[0]
        why = f": {newest.name} {where.problem(newest)}" if not where.is_complete(newest) else ""
        return f"no checkpoint {where.rule.glob} is complete{why}"
    missing = f"no checkpoint {where.rule.glob}"
    if not Path(where.rule.glob).is_absolute():
        missing += f" in the stage's directory{' or workdir' if len(where.roots) > 1 else ''}"
    if passed_by := where.passed_by:
        missing += f" ({passed_by[0]} is not used: members of a sweep may share that directory)"
    return missing if where.attempts else None


def _why_earlier(where: CheckpointSearch) -> str | None:
    """Return why the newest of a stage's own checkpoints is not used but an earlier one."""
    newest = next(path for path, is_own in with_ownership(where) if is_own)
    problem = where.problem(newest)
    return None if problem is None else f"the newest, {newest.name}, {problem}"


def _why_foreign(where: CheckpointSearch, path: Path) -> str:
    if (rival := where.rival_for(path)) is not None and where.wrote(path):
        return f"{rival.words} wrote to the same checkpoints at that time"
    return "no attempt of this stage wrote it"


def _advice(where: CheckpointSearch) -> str:
    if where.by_itself:
        return "a command without resume_args may still find it by itself"
    return f"to use it, set `env: {{{CHECKPOINT_VARIABLE}: PATH}}` for the stage"


def with_ownership(where: CheckpointSearch) -> Iterator[tuple[Path, bool]]:
    """Yield all matches, newest first, each with True if the stage wrote it."""
    for path in where.found:
        is_own = where.is_inside(path)
        yield path, is_own or (where.wrote(path) and where.rival_for(path) is None)


def is_tried(checkpoint: str, tried: Tried) -> bool:
    """Return True if a checkpoint, links resolved, failed and was not written again since."""
    if not tried:
        return False
    real = os.path.realpath(checkpoint)
    times = (time for path, time in tried.items() if os.path.realpath(path) == real)
    if (started := max(times, default=None)) is None:
        return False
    written = written_at(Path(checkpoint))
    # a time in the future means that a clock was changed, not that it was written again
    return not started * 1000 < written <= clock.now() * 1000


def _natural(text: str) -> list[tuple[int, str]]:
    """Return a sort key for natural order: `ckpt-9` before `ckpt-10`."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def note_before(found: Iterable[Path], attempt_dir: Path) -> None:
    """Record the matches outside the stage's directory before an attempt starts.

    It is idempotent, since a launch may be repeated.
    """
    if not (attempt_dir / protocol.STARTED_FILE).exists():
        _write(attempt_dir, {"before": _states(found)})


def note_after(found: Iterable[Path], attempt_dir: Path) -> None:
    """Record the state after an attempt has ended: later changes are not its own."""
    if (noted := system.read_object(attempt_dir / NOTE)) is not None and "after" not in noted:
        _write(attempt_dir, {**noted, "after": _states(found)})


def disown(attempt_dir: Path) -> None:
    """Discard an attempt's checkpoints, since its stage starts from the beginning."""
    if attempt_dir.is_dir():
        _write(attempt_dir, {"before": {}, "after": {}})


@dataclass(frozen=True, slots=True)
class Note:
    """The state before and after an attempt."""

    before: _States | None
    """None: there is no note, or it is damaged."""
    after: _States | None
    """None: not known to have ended."""
    started: int
    """When it started, in nanoseconds of the file system's clock; 0: it never started."""
    has_process: bool
    """True if its process id was recorded; a prevented launch has none."""

    def wrote(self, path: Path) -> bool:
        """Return True if the attempt wrote what is at a path now."""
        if not self.started:
            return False
        if self.before is None:
            return written_at(path) >= self.started
        is_left = self.has_process if self.after is None else _is_in(self.after, path)
        return is_left and not _is_in(self.before, path)


def read_note(attempt_dir: Path) -> Note:
    """Read an attempt's note."""
    noted = system.read_object(attempt_dir / NOTE) or {}
    before, after = (_states_in(noted.get(name)) for name in ("before", "after"))
    has_process = (attempt_dir / protocol.PIDS_FILE).exists()
    started = written_at(attempt_dir / protocol.STARTED_FILE)
    return Note(before, after, started, has_process)


def _states_in(noted: Any) -> _States | None:
    """Return the states in a note; None if it has none, or if it is damaged."""
    try:
        return {
            path: [(str(name), int(size), int(written)) for name, size, written in state]
            for path, state in noted.items()
        }
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None


def _states(found: Iterable[Path]) -> dict[str, State]:
    return {str(path): state_of(path) for path in found}


def state_of(path: Path) -> State:
    """Return the state of a checkpoint's largest files."""
    if not path.is_dir():
        return [("", *figures)] if (figures := _figures(path)) else []
    found = ((str(one.relative_to(path)), _figures(one)) for one in files_of(path))
    sized = ((name, *figures) for name, figures in found if figures)
    return heapq.nlargest(LARGEST, sized, key=lambda one: (one[1], one[0]))


def _is_in(states: _States, path: Path) -> bool:
    """Return True if the files at a path that still exist are as recorded."""
    return is_state_of(states.get(str(path), ()), path)


def is_state_of(noted: State, path: Path) -> bool:
    """Return True if the files at a path that still exist are as they were in this state."""
    left = [
        (figures, (size, written))
        for name, size, written in noted
        if (figures := _figures(path / name if name else path))
    ]
    return bool(left) and all(now == then for now, then in left)


def place_of(run_directory: str | Path, row: CheckpointRecord, *, held_first: bool) -> str | None:
    """Return where a checkpoint to evaluate is now, held or as its training left it.

    None: it no longer exists. What is on a file system that does not answer counts as existing.
    """
    places = []
    if system.is_silent(row.path) or is_state_of(row.identity, Path(row.path)):
        places = [row.path]
    if row.held is not None:
        held = evaluations.held_path(run_directory, row.held, row.path)
        places += [str(held)] if held.exists() else []
    return next(iter(places[::-1] if held_first else places), None)


def _figures(path: Path) -> tuple[int, int] | None:
    found = system.look(path)
    return (found.st_size, found.st_mtime_ns) if found else None


def _write(attempt_dir: Path, noted: Mapping[str, Any]) -> None:
    paths.write_private(attempt_dir / NOTE, json.dumps(noted))


def find_rivals(store: Database, stage: StageRecord) -> Sequence[Overlap]:
    """Return the attempts with the same pattern that overlapped in time with a stage's."""
    wanted = _pattern(stage.definition)
    found = (one for one in beside(store, stage) if one.definition.checkpoint is not None)
    return [one for one in found if _pattern(one.definition) == wanted]


def beside(store: Database, stage: StageRecord) -> Sequence[Overlap]:
    """Return the attempts of other stages that overlapped in time with a stage's."""
    with store.read() as connection:
        return views.overlaps_of(connection, stage.id)


def _pattern(definition: StageDefinition) -> str:
    """Return a checkpoint's pattern as an absolute path; relative ones start at the workdir."""
    rule = definition.checkpoint
    pattern = os.path.expanduser(rule.glob) if rule else ""  # noqa: PTH111 (a pattern is no path)
    return os.path.normpath(os.path.join(definition.workdir, pattern))  # noqa: PTH118


def places_of_running(connection: Connection, host: str) -> list[Path]:
    """Return the existing directories of the checkpoints of all running stages on a host."""
    running = views.running_on(connection, host)
    places = (place for one in running for place in _places(one.definition, one.directory))
    return [place for place in dict.fromkeys(places) if place.is_dir()]


def _places(definition: StageDefinition, directory: str) -> list[Path]:
    rule = definition.checkpoint
    if rule is None:
        return []
    places = roots(rule.glob, definition, directory)
    return [fixed_part(place / Path(rule.glob).expanduser()) for place in places]
