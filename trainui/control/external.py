"""Adds trainings that trainui did not start: those found in a directory, and running processes.

Their files are only read; the directory of the external run has a link to the training's log.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from trainui import clock, paths, settings, wakeup
from trainui.artifacts import environment
from trainui.artifacts.environment import ShellEnvironment
from trainui.control import adoption
from trainui.control.adoption import Candidate
from trainui.control.submission import checked_name
from trainui.domain.definition import MetricSource, Pipeline, StageDefinition
from trainui.domain.states import Status
from trainui.errors import NotFoundError, UsageError
from trainui.metrics.discovery import process_files, trainings
from trainui.metrics.discovery.trainings import Job, Training
from trainui.settings import Settings
from trainui.store.db.engine import open_store
from trainui.store.runs import external_runs
from trainui.store.runs.external_runs import ExternalState
from trainui.store.runs.new_run import NewRun
from trainui.supervisor import protocol
from trainui.supervisor.supervise import boot_id

_AT_ONCE = 100
"""Runs per transaction."""


@dataclass(frozen=True, slots=True)
class Added:
    """A training, and the run that it has become or was already."""

    run_id: str
    training: Training
    name: str
    is_new: bool


def find(path: Path) -> list[Training]:
    """Return the trainings below a path, sorted by path.

    Raises:
        NotFoundError: there is no such path, or no training in it.
        UsageError: it cannot be read.
    """
    try:
        found = trainings.below(path)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} does not exist") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if not found:
        raise NotFoundError(
            f"no training found in {path}: no files of a tracker or framework, and none with a "
            "usual name such as metrics.csv, log.jsonl or events.out.tfevents.*"
        )
    return found


def add(found: Sequence[Training], name: str | None = None) -> list[Added]:
    """Store trainings as external runs, unless they are already stored.

    Args:
        found: the trainings.
        name: the run's name; None: the training's.

    Raises:
        UsageError: a name is given for several trainings, or is not valid.
    """
    if name is not None and len(found) > 1:
        raise UsageError(f"--name fits one training; {len(found)} were found")
    store = open_store()
    with store.read() as connection:
        known = external_runs.known_paths(connection)
    open_paths, configured = process_files.written(), settings.load()
    added: list[Added] = []
    for start in range(0, len(found), _AT_ONCE):
        with store.write() as connection:
            for training in found[start : start + _AT_ONCE]:
                run_id = known.get(training.key)
                more = training if run_id is None else _new_jobs(connection, run_id, training)
                external = {"kind": training.kind, "path": str(training.path), "pid": None}
                if more.jobs:
                    new = _new_run(more, name, external | {"run": training.run}, configured)
                    _store(connection, new, more, run_id, open_paths)
                    known[training.key] = run_id or new.id
                one = Added(
                    known[training.key],
                    training,
                    name or _printable(training.name),
                    bool(more.jobs),
                )
                added.append(one)
    wakeup.ring()
    return added


def _store(
    connection: Connection,
    new: NewRun,
    training: Training,
    run_id: str | None,
    open_paths: frozenset[str],
) -> None:
    """Store a run, or the jobs of it that are new if it has this id already."""
    states = {
        stage.name: _state(job, open_paths)
        for stage, job in zip(new.pipeline.stages, training.jobs, strict=True)
    }
    host = str(new.host)
    if run_id is None:
        logs = _attempt_directories(new, training)
        external_runs.add(connection, new, states, logs, host=host)
        return
    directory = str(Path(new.directory).with_name(run_id))
    logs = _attempt_directories(replace(new, directory=directory), training)
    external_runs.add_stages(connection, run_id, new, states, logs, host=host)


def _new_jobs(connection: Connection, run_id: str, training: Training) -> Training:
    """Return a training with those of its jobs that are no stages of its run yet."""
    if len(training.jobs) == 1:
        return replace(training, jobs=())
    known = external_runs.stage_names(connection, run_id)
    jobs = (job for name, job in _stage_names(training.jobs).items() if name not in known)
    return replace(training, jobs=tuple(jobs))


def adopt(pid: int, name: str | None = None) -> Added:
    """Store a process that already runs as an external run, unless it is stored.

    Raises:
        NotFoundError: there is no such process.
        UsageError: it cannot be adopted, or the name is not valid.
    """
    training, process = adoption.training(pid)
    store = open_store()
    with store.write() as connection:
        known = external_runs.known_paths(connection).get(str(training.path))
        if known is not None:
            return Added(known, training, training.name, is_new=False)
        external = {
            "kind": "process",
            "path": str(training.path),
            "pid": pid,
            "ticks": process.ticks,
            "boot": boot_id(),
            "command": shlex.join(process.command),
        }
        new = _new_run(training, name, external, settings.load())
        (stage,) = new.pipeline.stages
        started = _micros(process.started)
        gpus = adoption.gpus_of(pid)
        states = {stage.name: ExternalState(Status.RUNNING, started, pid=pid, gpus=gpus)}
        logs = _attempt_directories(new, training)
        _record_environment(Path(new.directory), process)
        external_runs.add(connection, new, states, logs, host=settings.host())
    wakeup.ring()
    return Added(new.id, training, new.name, is_new=True)


def _record_environment(directory: Path, process: Candidate) -> None:
    """Store the environment of an adopted process, for a new run with its command."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    shell = ShellEnvironment(process.environ, environment.current_umask())
    environment.write(directory, shell)


def _new_run(
    training: Training, name: str | None, external: Mapping[str, Any], configured: Settings
) -> NewRun:
    run_id = str(uuid.uuid4())
    stages = tuple(
        StageDefinition(
            name=stage_name,
            group=stage_name,
            workdir=str(job.directory),
            metrics=_sources(job),
            params=dict(job.params),
        )
        for stage_name, job in _stage_names(training.jobs).items()
    )
    text = f"# external run: {training.kind} in {training.path}\n"
    params = trainings.flat(training.jobs[0].params) if len(training.jobs) == 1 else {}
    return NewRun(
        id=run_id,
        name=checked_name(name or _printable(training.name)),
        pipeline=Pipeline(
            name=f"{training.kind} (external)",
            stages=stages,
            params={key: str(value) for key, value in params.items()},
            text=text,
            digest=hashlib.sha256(text.encode()).hexdigest(),
            directory=str(training.path),
        ),
        directory=str(settings.runs_dir(configured) / run_id),
        stage_directories={
            stage_name: str(job.directory)
            for stage_name, job in _stage_names(training.jobs).items()
        },
        submission={"external": dict(external)},
        host=settings.host(configured),
        place=settings.runs_dir_identity(configured),
    )


def _stage_names(jobs: Sequence[Job]) -> dict[str, Job]:
    """Return the jobs by the names of their stages; one that is taken gets a number."""
    found: dict[str, Job] = {}
    for job in jobs:
        plain = re.sub(r"[/.\[\]{}$]", "-", _printable(job.name)).strip()[:60] or "train"
        name, number = plain, 2
        while name in found:
            name, number = f"{plain} {number}", number + 1
        found[name] = job
    return found


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)[:100].strip() or "training"


def _sources(job: Job) -> tuple[MetricSource, ...] | None:
    if job.sources is None:
        return None
    return tuple(MetricSource(path=str(path), format=format_) for path, format_ in job.sources)


def _attempt_directories(new: NewRun, training: Training) -> dict[str, str]:
    """Make the directories of the attempts' logs, with a link to each training's log."""
    directories = {}
    for stage, job in zip(new.pipeline.stages, training.jobs, strict=True):
        directory = paths.attempt_directory(Path(new.directory, stage.name), 1)
        directories[stage.name] = str(directory)
        if job.log is not None:
            directory.mkdir(mode=0o700, parents=True)
            (directory / protocol.STDOUT_FILE).symlink_to(job.log)
    return directories


def _state(job: Job, open_paths: frozenset[str]) -> ExternalState:
    """Return a job's state: its tracker's word, else whether a process has its files open."""
    started, last = _times(job)
    status = Status(trainings.state(job, open_paths))
    ended = None if status == Status.RUNNING else _micros(job.ended) or last
    return ExternalState(status, _micros(job.started) or started, ended)


def _times(job: Job) -> tuple[int, int]:
    """Return the oldest and newest modification time of the job's files, in microseconds."""
    files = [path for path, _ in job.sources or ()]
    if not files:
        files = [Path(entry) for entry in os.scandir(job.directory)] or [job.directory]
    times = [path.stat().st_mtime_ns // 1000 for path in files if path.exists()]
    return (min(times), max(times)) if times else (clock.now(), clock.now())


def _micros(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * clock.SECOND)
