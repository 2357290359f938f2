"""One evaluation's turn: hold the checkpoints that its training has written, and give each a stage.

Each step may be repeated after a crash:

- A whole checkpoint is held first, and then stored. A held copy that the store does not have was
  made just before a crash, and is stored then; the checkpoint may be gone by now.
- The stage that evaluates it is made in one transaction with what it replaces or leaves out.
- The metrics of an evaluation are stored as points of the whole in one transaction with which
  attempts they are of. Only then its held copy is removed.

A training that went back in steps supersedes the checkpoints of its earlier attempts from there on,
as it does their points.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui import clock, paths, system
from trainui.errors import TrainuiError
from trainui.formatting import quantity
from trainui.model.definition import StageDefinition
from trainui.model.records import AttemptRecord, RunRecord, StageRecord
from trainui.model.states import ENDED, Status
from trainui.pipeline import filling
from trainui.pipeline.rules import fingerprint
from trainui.record import dataclass
from trainui.resume import checkpoints, held_checkpoints, integrity
from trainui.resume.checkpoints import CheckpointSearch
from trainui.resume.held_checkpoints import ChangedError, FoundCheckpoint, NoSpaceError
from trainui.store import shell_environment
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources, read_points, write_points
from trainui.store.read import evaluations, views
from trainui.store.read.evaluations import (
    CURRENT,
    LEFT_OUT,
    OUTDATED,
    SUPERSEDED,
    WAITING,
    CheckpointRecord,
)
from trainui.store.runs import checkpoint_stages, stages
from trainui.supervisor import protocol

logger = logging.getLogger(__name__)

SETTLED_AFTER = 10.0
"""Seconds without a change after which a checkpoint counts as whole if its kind cannot be
checked."""

SETTLED_SOON = 0.9
"""The same for a directory with the file that its library writes last: callbacks may add more."""

STEP_WITHIN = 3 * clock.SECOND
"""Microseconds after a checkpoint's time in which the training's points of that time are stored."""

STEP_AT_MOST = 20 * clock.SECOND
"""The same, where the reader of metrics is behind, as on a busy machine."""

CLOCK_GRAIN = 10_000
"""Microseconds by which a file's time, of the kernel's coarse clock, may be too early."""

LOOK_EVERY = 1.0
"""Seconds between two looks for new checkpoints."""

LOOK_SHARE = 10
"""A pause is this many times as long as the look before it, if that took longer."""

GOES_BACK_TO = 2
"""The newest checkpoints that a training may go back to: the last, or the one before."""

HOLD_AGAIN_AFTER = 5.0
"""Seconds until a copy is tried again for which there was no space."""


NEWER = "left out: a newer checkpoint was there before it got a slot"
"""Why `every: newest` does not evaluate a checkpoint."""


def _was_edited(connection: Connection, member: StageRecord | None) -> bool:
    """Return True if the work of a stage was edited since its last attempt."""
    if member is None:
        return False
    last = views.attempts_of_stage(connection, member.id)[-1]
    before = fingerprint.origin_of(last, member.definition).definition
    return bool(fingerprint.changes(before, member.definition))


def _may_begin(row: CheckpointRecord, attempt: AttemptRecord) -> bool:
    """Return True for the checkpoint that an attempt may have continued from."""
    is_older = row.attempt < attempt.number and row.step is not None
    return is_older and row.path == attempt.checkpoint


def _has_unread_metrics(connection: Connection, owner: str) -> bool:
    """Return True if a metric file of a stage has bytes that are not stored yet.

    A log may be read no further, and has no say.
    """
    for source in point_sources.sources(connection, owner):
        if source.format == "text" or source.problem is not None:
            continue
        with suppress(OSError, ValueError):
            if Path(source.key).stat().st_size > source.offset:
                return True
    return False


@dataclass(frozen=True, slots=True)
class _View:
    """An evaluation as it is on record at the beginning of a turn."""

    run: RunRecord
    evaluation: StageRecord
    training: StageRecord
    attempts: Sequence[AttemptRecord]
    """Those of the training, oldest first."""
    rows: Sequence[CheckpointRecord]
    members: Mapping[str, StageRecord]
    """By id."""
    directory: Path
    """Of the run's held copies."""

    @property
    def is_over(self) -> bool:
        """True if the training has ended."""
        return self.training.status in ENDED

    @property
    def newest_only(self) -> bool:
        """True if only the newest of the checkpoints that wait is evaluated."""
        each = self.evaluation.definition.each_checkpoint
        return each is not None and each.newest

    @property
    def complete(self) -> str | None:
        """The file that a whole checkpoint directory has."""
        rule = self.training.definition.checkpoint
        return rule.complete if rule else None


class Evaluator:
    """The evaluation of one training's checkpoints."""

    def __init__(self, store: Database, evaluation_id: str) -> None:
        self._store = store
        self._id = evaluation_id
        self._unchanged: dict[str, tuple[tuple[checkpoints.State, int], float]] = {}
        """By path of a checkpoint that may be written still: its state, and since when."""
        self._newest: list[int] | None = None
        """The rows of the last checkpoints that the training still has; None: not known yet."""
        self._cuts: dict[int, float] = {}
        """By number of an attempt of the training: the step at which it began."""
        self._full: tuple[str, float] | None = None
        """Why no copy can be made, and when to try again, by the monotonic clock."""
        self._look_took = 0.0
        """Seconds that the last look for new checkpoints took."""
        self._has_adopted = False
        """True if no copy is left from before a crash or a failed turn."""
        self._has_written = False
        """True if the store was changed since it was read."""
        self.has_changed = False
        """True if the last turn has changed the store."""

    def turn(self) -> float | None:
        """Do what is due; return the seconds until the next turn, None if none is needed."""
        self.has_changed = False
        if (view := self._read()) is None:
            return None
        if system.is_silent(view.run.directory) or system.is_silent(view.training.directory):
            return LOOK_EVERY
        with _only_host(view.directory) as is_ours:
            if not is_ours:
                return LOOK_EVERY
            return self._turn(view)

    def _turn(self, view: _View) -> float | None:
        is_open = view.evaluation.status == Status.PENDING
        is_complete = True
        if is_open:
            if not self._has_adopted:  # later a copy without a row is one that is being made
                self._adopt(view)
                view = self._again(view)
            self._has_adopted = False  # a failed turn may leave such a copy
            is_complete = self._look(view)
            self._has_adopted = True
            view = self._again(view)
            self._supersede(view)
            self._leave_out_outdated(view)
            is_complete &= self._place(self._again(view))
            if view.newest_only:
                self._leave_out_older(self._again(view))
        if write_points.draw_evaluation(self._store, self._id):
            self._has_written = self.has_changed = True
        view = self._again(view)
        self._release(view)
        if not is_open or view.evaluation.status != Status.PENDING:
            return None
        if view.is_over and is_complete:
            with self._write() as connection:
                if checkpoint_stages.end(connection, view.evaluation):
                    logger.info("%s of run %s has ended", view.evaluation.name, view.run.id)
                    return None
        self._explain(view)
        return max(LOOK_EVERY, LOOK_SHARE * self._look_took)

    def _read(self) -> _View | None:
        """Return what is on record; None if the evaluation or its training was removed."""
        with self._store.read() as connection:
            evaluation = stages.find(connection, self._id)
            if evaluation is None or evaluation.definition.each_checkpoint is None:
                return None
            run = views.run(connection, evaluation.run_id)
            name = evaluation.definition.each_checkpoint.stage
            training = views.stage(connection, evaluation.run_id, name)
            if run is None or training is None:
                return None
            rows = evaluations.of_evaluation(connection, self._id)
            members = evaluations.members_of(connection, self._id)
            attempts = views.attempts_of_stage(connection, training.id)
        place = evaluations.held_directory(run.directory)
        self._has_written = False
        return _View(run, evaluation, training, attempts, rows, members, place)

    def _again(self, view: _View) -> _View:
        """Return what is on record now; whether the training has ended stays as it was."""
        if not self._has_written:
            return view
        now = self._read() or view
        return replace(now, training=view.training)

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        self._has_written = self.has_changed = True
        with self._store.write() as connection:
            yield connection

    # Holding: what is found, and what was held before a crash.

    def _adopt(self, view: _View) -> None:
        """Store the held copies that were made just before a crash."""
        known = {row.held for row in view.rows}
        by_id = {row.id: row for row in view.rows}
        for key, copy in held_checkpoints.held(view.directory).items():
            if copy.evaluation != view.evaluation.name or key in known:
                continue
            if copy.row is None:
                self._store_found(view, copy.found, held=key)
            elif (row := by_id.get(copy.row)) is not None and not _is_held(view, row):
                with self._write() as connection:
                    checkpoint_stages.set_held(connection, row.id, key)
            else:
                held_checkpoints.drop(view.directory, key)

    def _store_found(self, view: _View, found: FoundCheckpoint, **values: Any) -> None:
        with self._write() as connection:
            checkpoint_stages.add_found(
                connection,
                view.evaluation,
                path=found.path,
                written_at=found.written_at,
                attempt=found.attempt,
                identity=found.identity,
                **values,
            )

    def _look(self, view: _View) -> bool:
        """Hold the new whole checkpoints; return False if some may be whole or held later."""
        if self._full is not None and time.monotonic() < self._full[1]:
            return False
        self._full = None
        began = time.monotonic()
        found, is_complete = self._find(view)
        self._look_took = time.monotonic() - began
        of_step = {(row.attempt, row.step): row.path for row in view.rows if row.state == CURRENT}
        for index, one in enumerate(found):
            is_newest = index == len(found) - 1
            step = integrity.step_of(Path(one.path))
            if step is not None:
                twin = of_step.setdefault((one.attempt, float(step)), one.path)
                if twin != one.path:
                    why = _has_step_of(twin)
                    self._store_found(view, one, step=step, state=LEFT_OUT, reason=why)
                    continue
            if view.newest_only and not is_newest:
                self._store_found(view, one)  # left out, so it needs no copy
                continue
            try:
                key = held_checkpoints.hold(
                    view.directory, view.evaluation.name, one, complete=view.complete
                )
            except ChangedError:
                is_complete = False
                continue
            except (NoSpaceError, OSError) as error:
                words = str(error) if isinstance(error, NoSpaceError) else _words_of(error)
                why = f"{Path(one.path).name} cannot be held: {words}; tried again"
                self._full = why, time.monotonic() + HOLD_AGAIN_AFTER
                logger.warning("%s of run %s: %s", view.evaluation.name, view.run.id, why)
                return False
            self._store_found(view, one, held=key)
        return is_complete

    def _find(self, view: _View) -> tuple[list[FoundCheckpoint], bool]:
        """Return the new whole checkpoints, oldest first.

        Also False if another may be whole later: its kind cannot be checked, and it has changed.
        """
        where = _search(view)
        known: dict[str, list[CheckpointRecord]] = {}
        for row in view.rows:
            known.setdefault(row.path, []).append(row)
        by_file: dict[str, Path] = {}
        for path, is_own in checkpoints.with_ownership(where):
            real = os.path.realpath(path)
            if is_own and (real not in by_file or not path.is_symlink()):
                by_file[real] = path  # the file itself rather than a link to it
        found, is_complete, existing = [], True, list[int]()
        for real, path in by_file.items():
            state = checkpoints.state_of(path)
            rows = (*known.get(str(path), ()), *(known.get(real, ()) if real != str(path) else ()))
            same = [row.id for row in rows if checkpoints.is_state_of(row.identity, path)]
            existing.extend(same)
            if same or not state:
                continue
            if not where.is_complete(path):
                continue
            if not self._is_settled(view, path, state):
                is_complete = False
                continue
            written = integrity.written_at(path)
            number = _attempt_of(view.attempts, written)
            step = integrity.step_in_name(path)
            found.append(FoundCheckpoint(str(path), written, number, state, step))
        self._newest = existing[:GOES_BACK_TO]
        return found[::-1], is_complete

    def _is_settled(self, view: _View, path: Path, state: checkpoints.State) -> bool:
        """Return True if nobody writes to a checkpoint any more, as far as that can be seen."""
        if view.is_over:
            return True
        needed = SETTLED_AFTER
        with suppress(OSError):
            is_directory = path.is_dir()
            if is_directory and held_checkpoints.is_renamed(path):
                return True  # it was written under another name
            if integrity.is_checkable(path, view.complete):
                if not is_directory or view.complete is not None:
                    return True
                needed = SETTLED_SOON
        seen = state, integrity.written_at(path)
        before, since = self._unchanged.get(str(path), (None, 0.0))
        now = time.monotonic()
        if before != seen:
            self._unchanged[str(path)] = seen, now
            return False
        return now - since >= needed

    # What counts: one checkpoint a step, of the attempts that continue each other.

    def _supersede(self, view: _View) -> None:
        """Let checkpoints no longer count that are after the begin of a later attempt."""
        if len(view.attempts) < 2:
            return
        counting = [row for row in view.rows if row.state != SUPERSEDED and row.step is not None]
        for attempt in view.attempts[1:]:
            older = [row for row in counting if row.attempt < attempt.number]
            if not older or (cut := self._cut(view, attempt)) is None:
                continue
            late = [row for row in older if row.step is not None and row.step > cut]
            if not late or not self._has_progress(view, attempt):
                continue
            why = f"{view.training.name} went back to step {math.floor(cut)}"
            for row in late:
                with self._write() as connection:
                    checkpoint_stages.leave_out(
                        connection, view.evaluation, row, why, state=SUPERSEDED
                    )

    def _has_progress(self, view: _View, attempt: AttemptRecord) -> bool:
        """Return True if an attempt of the training wrote anything; else the next may go further.

        It may have ended at once, and the next one may continue from a later checkpoint.
        """
        if attempt.status == Status.COMPLETED:
            return True
        if any(row.attempt == attempt.number for row in view.rows):
            return True
        with self._store.read() as connection:
            first = read_points.first_step(connection, view.training.id, attempt.number)
        return first is not None

    def _cut(self, view: _View, attempt: AttemptRecord) -> float | None:
        """Return the step after which an attempt began; None if it is not known yet."""
        if attempt.number in self._cuts:
            return self._cuts[attempt.number]
        if attempt.checkpoint is not None:
            own = [row for row in view.rows if _may_begin(row, attempt)]
            step = own[-1].step if own else integrity.step_of(Path(attempt.checkpoint))
            if step is not None:
                self._cuts[attempt.number] = step
                return step
        with self._store.read() as connection:
            first = read_points.first_step(connection, view.training.id, attempt.number)
        if first is not None:
            self._cuts[attempt.number] = first - 0.5  # points of that step are superseded, too
        return self._cuts.get(attempt.number)

    def _place(self, view: _View) -> bool:
        """Give the checkpoints that wait their stages; return False if some still wait."""
        waiting = [row for row in view.rows if row.state == WAITING]
        is_complete = True
        for row in waiting:
            step = self._step(view, row)
            if step is None:
                is_complete = False
                continue
            is_complete &= self._place_at(self._again(view), row, step)
        return is_complete

    def _place_at(self, view: _View, row: CheckpointRecord, step: float) -> bool:
        same = [
            one
            for one in view.rows
            if one.step == step and one.id != row.id and one.state == CURRENT
        ]
        twin = next(
            (one for one in same if one.attempt == row.attempt and one.path != row.path), None
        )
        if twin is not None:
            why = _has_step_of(twin.path)
            with self._write() as connection:
                checkpoint_stages.leave_out(connection, view.evaluation, row, why)
            return True
        others = [one.name for one in view.members.values()]
        directory, definition = _definition(view, step, others)
        with self._write() as connection:
            is_placed = checkpoint_stages.place(
                connection, view.evaluation, row, definition, directory
            )
            if is_placed and view.newest_only and row.held is None:
                placed = replace(row, state=CURRENT, stage_id=_id_of(connection, view, definition))
                checkpoint_stages.leave_out(connection, view.evaluation, placed, NEWER)
        return is_placed

    def _step(self, view: _View, row: CheckpointRecord) -> float | None:
        """Return the step of a checkpoint; None if it cannot be known yet."""
        path = Path(row.path)
        if row.held is not None:
            path = evaluations.held_copy(view.directory, row.held, row.path)
        if (step := integrity.step_of(path)) is not None:
            return step
        written = row.written_at // 1000 + CLOCK_GRAIN
        with self._store.read() as connection:
            about = read_points.step_at(connection, view.training.id, written)
            is_past = read_points.step_at(connection, view.training.id, clock.now()) != about
            is_behind = not is_past and _has_unread_metrics(connection, view.training.id)
        attempt = next((one for one in view.attempts if one.number == row.attempt), None)
        is_read = attempt is not None and attempt.metrics_complete
        patience = STEP_AT_MOST if is_behind else STEP_WITHIN
        if not is_read and clock.now() < written + patience:
            return None  # the points of that time may not be stored yet
        near = None if about is None else integrity.step_of(path, int(about))
        if near is not None:
            return float(near)
        if about is not None:
            return float(about)
        steps = [one.step for one in view.rows if one.step is not None]
        return max(steps, default=0.0) + 1  # no metrics at all: they are counted

    def _leave_out_outdated(self, view: _View) -> None:
        """Let no longer count what cannot be evaluated again after an edit of the evaluation.

        It counts again when the edit is taken back.
        """
        with self._store.read() as connection:
            found = [
                (row, _was_edited(connection, view.members.get(row.stage_id or "")))
                for row in evaluations.of_earlier_definitions(connection, self._id)
            ]
        for row, is_edited in found:
            if is_edited and row.state == CURRENT:
                if checkpoints.place_of(view.run.directory, row, held_first=True) is None:
                    with self._write() as connection:
                        checkpoint_stages.leave_out(connection, view.evaluation, row, OUTDATED)
            elif not is_edited and row.state != CURRENT:
                with self._write() as connection:
                    checkpoint_stages.count_again(connection, view.evaluation, row)

    def _leave_out_older(self, view: _View) -> None:
        """Of the checkpoints that wait for a slot, leave only the newest."""
        with self._store.read() as connection:
            startable = [
                row
                for row in view.rows
                if row.state == CURRENT
                and (stage := view.members.get(row.stage_id or "")) is not None
                and checkpoint_stages.is_startable(connection, stage)
            ]
        current = [row for row in view.rows if row.state == CURRENT]
        newest = max(current, key=lambda row: (row.written_at, row.id), default=None)
        for row in startable:
            if newest is not None and row.id != newest.id:
                with self._write() as connection:
                    checkpoint_stages.leave_out(connection, view.evaluation, row, NEWER)

    # The end: copies that are not needed, and how far it is.

    def _release(self, view: _View) -> None:
        """Remove the held copies that nobody needs; the best checkpoint's stays."""
        if not any(row.held for row in view.rows):
            return
        kept = self._kept(view)
        for row in view.rows:
            if row.held is None or row.state == WAITING:
                continue
            stage = view.members.get(row.stage_id or "")
            if row.state == CURRENT:
                if stage is None or stage.status != Status.COMPLETED:
                    continue
                if row.drawn != stage.attempt or row.id in kept:
                    continue
            elif stage is not None and stage.status in (Status.RUNNING, Status.QUEUED):
                last = _last_of(view.rows, stage.id)
                if last is None or last.id == row.id:
                    continue  # it is evaluated all the same
            try:
                held_checkpoints.drop(view.directory, row.held)
            except OSError as error:
                logger.warning("%s cannot be removed: %s", row.held, error)
                continue
            with self._write() as connection:
                checkpoint_stages.set_held(connection, row.id, None)

    def _kept(self, view: _View) -> set[int]:
        """Return the rows whose copies stay: the best one's.

        Until the training has completed, also that of each which would be the best if it went back
        to one of its newest checkpoints.
        """
        with self._store.read() as connection:
            bests = evaluations.bests(connection, view.evaluation, view.rows)
        if view.training.status == Status.COMPLETED or not bests:
            return {best.id for _row, best in bests[-1:]}
        may_return = [row.id for row in view.rows] if self._newest is None else self._newest
        return {best.id for row, best in bests if row.id in may_return or row is bests[-1][0]}

    def _explain(self, view: _View) -> None:
        states = [
            view.members[row.stage_id].status
            for row in view.rows
            if row.state == CURRENT and row.stage_id and row.stage_id in view.members
        ]
        done = states.count(Status.COMPLETED)
        words = f"{done} of {quantity(len(states), 'checkpoint')} evaluated"
        if running := states.count(Status.RUNNING):
            words += f", {running} running"
        if self._full is not None:
            words += f"; {self._full[0]}"
        if view.evaluation.reason != words:
            with self._write() as connection:
                checkpoint_stages.explain(connection, view.evaluation, words)


def _last_of(rows: Sequence[CheckpointRecord], stage_id: str) -> CheckpointRecord | None:
    """Return the checkpoint that a stage was given last."""
    own = [row for row in rows if row.stage_id == stage_id]
    return max(own, key=lambda row: row.id, default=None)


def _has_step_of(path: str) -> str:
    return f"has the step of {Path(path).name}"


def _is_held(view: _View, row: CheckpointRecord) -> bool:
    """Return True if a checkpoint has a held copy that can be evaluated."""
    if row.held is None:
        return False
    return held_checkpoints.problem(view.directory, row.held, row.path) is None


def _search(view: _View) -> CheckpointSearch:
    """Return the search for a training's checkpoints, as its process has them."""
    definition = view.training.definition
    with suppress(TrainuiError):
        shell = shell_environment.read(Path(view.run.directory))
        bare = StageDefinition(
            definition.name,
            matrix=definition.matrix,
            workdir=definition.workdir,
            env=shell.secrets.reveal(definition).env,
            checkpoint=definition.checkpoint,
        )
        definition = filling.start(
            bare,
            python="",
            attempt=view.training.attempt,
            environ=shell.environ,
            checkpoint=None,
        )
    return checkpoints.search(
        definition, view.training.directory, [one.directory for one in view.attempts]
    )


def _attempt_of(attempts: Sequence[AttemptRecord], written_at: int) -> int:
    """Return the number of the attempt that wrote a checkpoint: the last that had started."""
    number = 0
    for attempt in attempts:
        started = integrity.written_at(Path(attempt.directory) / protocol.STARTED_FILE)
        if started and started <= written_at:
            number = attempt.number
    return number or (attempts[0].number if attempts else 0)


def _definition(view: _View, step: float, others: Collection[str]) -> tuple[str, StageDefinition]:
    """Return the directory and the definition of the stage that evaluates a step."""
    gatherer, training = view.evaluation.definition, view.training.definition
    name = filling.for_checkpoint(gatherer, training, step, "", others).name
    known = next((one for one in view.members.values() if one.name == name), None)
    if known is not None:
        directory = known.directory
    else:
        run = Path(view.run.directory)
        taken = {one.name for one in run.iterdir()}
        directory = str(run / paths.stage_directory_names([name], taken)[name])
    return directory, filling.for_checkpoint(gatherer, training, step, directory, others)


def _id_of(connection: Connection, view: _View, definition: StageDefinition) -> str | None:
    stage = views.stage(connection, view.run.id, definition.name)
    return None if stage is None else stage.id


def _words_of(error: OSError) -> str:
    return error.strerror or str(error)


@contextmanager
def _only_host(directory: Path) -> Iterator[bool]:
    """Yield True if no other host that shares the directory has a turn now."""
    directory.parent.mkdir(mode=0o700, exist_ok=True)
    lock = directory.with_suffix(".lock")
    file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:  # a file system without locks
            pass
        yield True
    finally:
        os.close(file)
