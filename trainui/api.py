"""The Python API: `PipelineExecutor` runs pipelines, `sync_metrics_from_file` stores metrics.

The object stores nothing about the run: another program may create one with the same id, and
resume or wait for the run.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

from sqlmodel import Session

from trainui import control, formatting
from trainui.control import requests
from trainui.errors import NotFoundError, UsageError, WaitTimeoutError
from trainui.execution.attempt import lost_attempts
from trainui.execution.daemon import lifecycle
from trainui.metrics.formats import DecoderChoice
from trainui.metrics.names import SeriesNames
from trainui.metrics.reader.source import ReadOptions, SourceReader
from trainui.metrics.tail import GrowingFile
from trainui.model.states import ENDED
from trainui.pipeline import loader
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.points import point_sources
from trainui.store.points.point_sources import SourceRecord, key_of
from trainui.store.read import views
from trainui.store.tables import store_of

POLL = 0.05
"""Poll interval in seconds while waiting for a run."""


class StageState(TypedDict):
    """A stage and its state."""

    name: str
    status: str


class RunState(TypedDict):
    """A run and its state, with its stages in the given order."""

    run: str
    status: str
    stages: list[StageState]


class PipelineExecutor:
    """Runs a pipeline under an id that the caller chooses."""

    def __init__(self, pipeline_uuid: str | UUID) -> None:
        """Create an executor for a run, which need not exist yet.

        Raises:
            UsageError: the id is not valid.
        """
        if not isinstance(pipeline_uuid, str | UUID) or not str(pipeline_uuid):
            raise UsageError(
                f"a run's id must be a UUID or a string like 'my-run', not {pipeline_uuid!r}"
            )
        self.pipeline_uuid = str(pipeline_uuid)
        """The run's id: `[A-Za-z0-9._-]`, at most 64 characters."""

    def execute(self, stages: Sequence[Mapping[str, Any]]) -> RunState:
        """Check the stages, store them as a run, start the worker, and return at once.

        Args:
            stages: each with `name`, `task` (a registered Celery task or an importable function),
                and optionally `params` and `depends_on`. They run in the caller's working
                directory and environment, and can import from the directory of its script.

        Raises:
            PipelineFileError: the stages have problems; nothing is stored.
            UsageError: a run with this id exists, or the id is not valid.
            UnfitEnvironmentError: nothing can run on this machine; the message says what to do.
        """
        pipeline = loader.from_api(stages, self.pipeline_uuid, directory=str(Path.cwd()))
        lifecycle.ensure_started()
        control.submit(
            pipeline,
            run_id=self.pipeline_uuid,
            environ=os.environ,
            python=sys.executable,
            sys_path=str(Path(sys.path[0]).absolute()),
        )
        return self._state()

    def resume(self) -> RunState:
        """Give a new attempt to every stage that ended without completing, and return at once.

        Raises:
            NotFoundError: the run does not exist.
            UnfitEnvironmentError: nothing can run on this machine; the message says what to do.
        """
        lost_attempts.record([self.pipeline_uuid])
        if control.resume(self.pipeline_uuid):
            lifecycle.ensure_started()
        return self._state()

    def wait(self, timeout: float | None = None) -> RunState:
        """Wait until the run has ended.

        Args:
            timeout: seconds; None: no limit.

        Raises:
            WaitTimeoutError: the timeout passed (a TimeoutError); the run continues.
            NotFoundError: the run does not exist.
            UsageError: the caller is part of a stage, whose slot the run may need.
        """
        requests.check_may_wait()
        started = time.monotonic()
        while (state := self._state())["status"] not in ENDED:
            waited = time.monotonic() - started
            if timeout is not None and waited >= timeout:
                raise WaitTimeoutError(
                    f"{self.pipeline_uuid} has not finished after {formatting.duration(waited)}; "
                    "it continues"
                )
            time.sleep(POLL if timeout is None else min(POLL, timeout - waited))
        return state

    def _state(self) -> RunState:
        with engine.reading() as connection, engine.read_transaction(connection):
            run = views.run(connection, self.pipeline_uuid)
            if run is None:
                raise NotFoundError(f"no run {self.pipeline_uuid!r}")
            stages = views.stages(connection, run.id)
        return {
            "run": run.id,
            "status": str(run.status),
            "stages": [{"name": one.name, "status": str(one.status)} for one in stages],
        }


class SyncResult(TypedDict):
    """The result of one call."""

    new_metrics_count: int
    """Points stored."""
    new_offset: int
    """The offset up to which the file was read: pass it to the next call."""
    file_size: int
    """Size of the file in bytes; 0 if it does not exist."""


def sync_metrics_from_file(
    job_uuid: str,
    metrics_file: str | os.PathLike[str],
    session: Session,
    batch_size: int = 100,
    last_offset: int = 0,
) -> SyncResult:
    """Store the points of a metrics file after an offset; the format is detected from its content.

    Idempotent: a range that is stored already is not stored again. A file that is now shorter than
    `last_offset` is read from its start. An incomplete last line is left for the next call.

    Args:
        job_uuid: the owner of the points: a stage's id, or any name.
        metrics_file: the file, which need not exist yet.
        session: a session on the database that stores them.
        batch_size: the least number of points worth a transaction. A backlog is stored in larger
            ones, of at most 4 MiB of the file; the remainder is stored too.
        last_offset: bytes from the file's start, at the end of a line: `new_offset` of the last
            call.

    Raises:
        UsageError: an argument is out of range.
        UnreadableFileError: the file cannot be read.
        UnknownFormatError: its format was not recognised.
        UnfitEnvironmentError: the database cannot be written.
    """
    if batch_size < 1 or last_offset < 0:
        raise UsageError(
            f"batch_size must be at least 1 and last_offset at least 0: {batch_size}, {last_offset}"
        )
    path = Path(os.path.abspath(Path(metrics_file).expanduser()))  # noqa: PTH100 (links stay)
    result = _sync(store_of(session), job_uuid, path, last_offset)
    session.commit()  # so that the session sees the new points
    return result


def _sync(store: Database, owner: str, path: Path, last_offset: int) -> SyncResult:
    try:
        file = GrowingFile(path)
    except FileNotFoundError:
        return SyncResult(new_metrics_count=0, new_offset=0, file_size=0)
    with closing(file):
        size = file.look().size
        known, gaps, attempt = _find_source(store, owner, path)
        if last_offset > size:
            last_offset = 0
        if known.identity and not file.continues(known.identity, known.offset):
            with store.write() as connection:
                for gap in gaps:
                    old = f"{gap.key} of an earlier content"
                    point_sources.rename_source(connection, gap.id, old)
            gaps = []
        elif last_offset > known.offset:
            known = _jump(store, known, file, last_offset, key=known.key)
    count = sum(_fill_gap(store, gap, path, last_offset) for gap in gaps)
    names = SeriesNames()
    options = ReadOptions(
        attempt=attempt, replays=False, accepts=lambda name, _found: names.accepts(name, None)
    )
    new, offset = _read_to_end(store, known, path, options)
    return SyncResult(new_metrics_count=count + new, new_offset=offset, file_size=size)


def _find_source(
    store: Database, owner: str, path: Path
) -> tuple[SourceRecord, list[SourceRecord], int]:
    """Return the file's source, its gaps, and the attempt that new points belong to."""
    key = key_of(path)
    with store.read() as connection:
        attempt = point_sources.last_attempt(connection, owner)
        known = point_sources.sources(connection, owner)
    named = [(source, _GAP.fullmatch(source.key)) for source in known]
    gaps = [source for source, gap in named if gap and gap[1] == key]
    source = next((one for one in known if one.key == key), None)
    if source is None:
        with store.write() as connection:
            source = point_sources.add_source(connection, owner, key, attempt=attempt)
    return source, gaps, attempt


def _read_to_end(
    store: Database, known: SourceRecord, path: Path, options: ReadOptions
) -> tuple[int, int]:
    """Store the new points of a source; return their number, and the offset of the end."""
    count, more = 0, True
    with closing(SourceReader(store, known, path, DecoderChoice(), options)) as reader:
        while more:
            step = reader.advance()
            count, more = count + step.points, step.more
        return count, reader.position.offset


# A range that a caller skips is recorded as a separate source, so a later call can still store it.

_GAP = re.compile(r"(.*)\[(\d+):(\d+)\]", re.DOTALL)


def _jump(
    store: Database, known: SourceRecord, file: GrowingFile, offset: int, *, key: str
) -> SourceRecord:
    """Move a source to an offset; record the skipped range as a gap of the file `key`."""
    jumped = known._replace(
        offset=offset, identity=file.identify(offset), version=known.version + 1
    )
    name = f"{key}[{known.offset}:{offset}]"
    with store.write() as connection:
        point_sources.move(connection, known, jumped)
        gap = point_sources.add_source(connection, known.owner, name, attempt=known.attempt)
        begun = gap._replace(offset=known.offset, rows=known.rows, version=gap.version + 1)
        point_sources.move(connection, gap, begun)
    return jumped


def _fill_gap(store: Database, gap: SourceRecord, path: Path, last_offset: int) -> int:
    """Store the points of a gap after an offset."""
    named = _GAP.fullmatch(gap.key)
    assert named is not None
    end = int(named[3])
    if last_offset >= end or gap.offset >= end:
        return 0
    if last_offset > gap.offset:
        with closing(GrowingFile(path)) as file:
            gap = _jump(store, gap, file, last_offset, key=named[1])
    options = ReadOptions(attempt=gap.attempt, replays=False, until=end)
    return _read_to_end(store, gap, path, options)[0]
