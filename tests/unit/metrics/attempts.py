"""Attempts of a real run, with the files that a supervisor makes."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import socket
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from trainui import clock, paths
from trainui.model.definition import MetricSource, Pipeline, Search, StageDefinition
from trainui.model.records import Slot
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, stored_pipeline
from trainui.store.runs.metrics_progress import AttemptToRead
from trainui.supervisor import protocol

HOST = socket.gethostname()

_PLACES = itertools.count()


@dataclass(frozen=True)
class Attempt:
    """A running attempt."""

    to_read: AttemptToRead
    lock: int
    """Held by its supervisor for its life."""

    @property
    def id(self) -> int:
        return self.to_read.attempt_id

    @property
    def stage_id(self) -> str:
        return self.to_read.stage_id

    @property
    def stage_dir(self) -> Path:
        return Path(self.to_read.stage_dir)

    @property
    def workdir(self) -> Path:
        return Path(self.to_read.workdir)

    @property
    def directory(self) -> Path:
        return Path(self.to_read.attempt_dir)

    @property
    def own_file(self) -> Path:
        return self.directory / "metrics.jsonl"

    def end(self, exit_code: int | None = 0, signal: int | None = None) -> None:
        """Its process ends, and its supervisor says so."""
        record = protocol.Exit(
            exit_code=exit_code,
            signal=signal,
            reason=protocol.ExitReason.EXITED,
            message=None,
            signalled=False,
            started_at=1,
            completed_at=clock.now(),
            max_rss_bytes=None,
            oom_kill=False,
            left=(),
        )
        temporary = self.directory / "exit.tmp"
        temporary.write_text(json.dumps({"version": protocol.VERSION, **asdict(record)}))
        temporary.replace(self.directory / protocol.EXIT_FILE)
        os.close(self.lock)


def start_attempt(
    store: Database, root: Path, *metrics: MetricSource, name: str = "train", **params: float
) -> Attempt:
    """Start the first attempt of a new run of one stage."""
    definition = StageDefinition(name, command="true", metrics=metrics or None, params=params)
    return next_attempt(store, create_run(store, root, name, definition), name)


def start_trials(store: Database, root: Path, search: Search, count: int) -> list[Attempt]:
    """Start the first attempts of some members of a new run's sweep."""
    names = [f"train[trial={number}]" for number in range(count)]
    members = (StageDefinition(one, "train", search=search, command="true") for one in names)
    run_id = create_run(store, root, "train", *members)
    return [next_attempt(store, run_id, one) for one in names]


def create_run(store: Database, root: Path, name: str, *definitions: StageDefinition) -> str:
    """Create a run; return its id."""
    workdir, run_id = root / "work", f"run-of-{name}"
    workdir.mkdir(exist_ok=True)
    placed = tuple(replace(one, workdir=str(workdir)) for one in definitions)
    new = stored_pipeline.NewRun(
        id=run_id,
        name=run_id,
        pipeline=Pipeline("p", placed, text="", digest=name),
        directory=str(root / run_id),
        stage_directories={one.name: str(root / run_id / one.name) for one in placed},
        submission={},
    )
    with store.write() as connection:
        stored_pipeline.create(connection, new)
    return run_id


def next_attempt(store: Database, run_id: str, name: str = "train") -> Attempt:
    with store.write() as connection:
        stage = views.stage(connection, run_id, name)
        assert stage is not None
        granted = attempts.grant(connection, stage, [Slot(HOST, "cpu", next(_PLACES))], host=HOST)
        assert granted is not None
        assert granted.celery_task_id is not None
        claimed = attempts.claim(connection, run_id, name, granted.celery_task_id)
        assert claimed is not None
        attempts.mark_started(connection, claimed, started_at=1, pid=os.getpid(), supervisor=1)
    directory = Path(claimed.directory)
    directory.mkdir(parents=True)
    paths.stage_directory(directory).mkdir(exist_ok=True)
    lock = os.open(directory / protocol.LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (directory / protocol.STARTED_FILE).touch()
    for stream in (protocol.STDOUT_FILE, protocol.STDERR_FILE):
        (directory / stream).touch()
    return Attempt(
        AttemptToRead(
            claimed.id,
            stage.id,
            claimed.number,
            claimed.directory,
            stage.directory,
            stage.definition.workdir,
            stage.definition,
        ),
        lock,
    )


def is_complete(store: Database, attempt: Attempt) -> bool:
    with store.read() as connection:
        return attempts.get(connection, attempt.id).metrics_complete
