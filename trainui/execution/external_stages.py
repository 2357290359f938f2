"""The stages of external runs: how trainings are stored, with jobs that are found later.

The files of a training are only read; the directory of the external run has a link to its log.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui import clock, paths, settings
from trainui.metrics.discovery import trainings
from trainui.metrics.discovery.trainings import Job, Training
from trainui.model.definition import MetricSource, Pipeline, StageDefinition
from trainui.model.states import Status
from trainui.pipeline import matrix
from trainui.settings import Settings
from trainui.store.db.statements import Connection
from trainui.store.read import views
from trainui.store.runs import external_runs
from trainui.store.runs.external_runs import ExternalState
from trainui.store.runs.stored_pipeline import NewRun
from trainui.supervisor import protocol

JobStates = Mapping[tuple[Path, str, str], ExternalState]
"""The states of jobs, as their trackers, files and processes show them."""


def store(
    connection: Connection,
    new: NewRun,
    training: Training,
    run_id: str | None,
    found: JobStates,
) -> None:
    """Store a run, or the jobs of it that are new if it has this id already."""
    directory = Path(new.directory).with_name(run_id or new.id)
    states = {
        stage.name: replace(found[job_key(job)], directory=attempt_directory(directory, stage, job))
        for stage, job in zip(new.pipeline.stages, training.jobs, strict=True)
    }
    if run_id is None:
        external_runs.add(connection, new, states)
    else:
        external_runs.add_stages(connection, run_id, new, states)


def job_states(found: Iterable[Training], open_paths: frozenset[str]) -> JobStates:
    """Return the states of the jobs of trainings.

    It reads the states of their files, so it is not called in a transaction, which blocks others.
    """
    return {job_key(job): _state(job, open_paths) for one in found for job in one.jobs}


def job_key(job: Job) -> tuple[Path, str, str]:
    """Return what identifies a job among those of one search for trainings."""
    return job.directory, job.name, job.run


def add_new_jobs(connection: Connection, run_id: str, training: Training, found: JobStates) -> bool:
    """Store the jobs of a training that are no stages of its run yet; return True if there are."""
    more = new_jobs(connection, run_id, training)
    if more.jobs:
        new = new_run(more, None, {}, settings.load())
        store(connection, new, more, run_id, found)
    return bool(more.jobs)


def new_jobs(connection: Connection, run_id: str, training: Training) -> Training:
    """Return a training with those of its jobs that are no stages of its run yet."""
    if len(training.jobs) == 1:
        return replace(training, jobs=())
    known = views.stages(connection, run_id)
    names, directories = {stage.name for stage in known}, {stage.directory for stage in known}
    jobs = (
        job
        for name, job in stage_names(training.jobs).items()
        if name not in names and not (job.matrix and str(job.directory) in directories)
    )
    return replace(training, jobs=tuple(jobs))


def new_run(
    training: Training, name: str | None, external: Mapping[str, Any], configured: Settings
) -> NewRun:
    """Return a training as a run; without a name it has the training's."""
    run_id, jobs = str(uuid.uuid4()), stage_names(training.jobs)
    stages = tuple(
        StageDefinition(
            name=stage_name,
            group=_plain(job.name) if job.matrix else stage_name,
            matrix=dict(job.matrix) or None,
            workdir=str(job.directory),
            metrics=None
            if job.sources is None
            else tuple(MetricSource(path=str(path), format=kind) for path, kind in job.sources),
            params=dict(job.params),
        )
        for stage_name, job in jobs.items()
    )
    text = f"# external run: {training.kind} in {training.path}\n"
    objective = {"objective": training.objective} if training.objective else {}
    params = trainings.flat(training.jobs[0].params) if len(training.jobs) == 1 else {}
    return NewRun(
        id=run_id,
        name=name or printable(training.name),
        pipeline=Pipeline(
            name=training.kind,
            stages=stages,
            params={key: str(value) for key, value in params.items()},
            text=text,
            digest=hashlib.sha256(text.encode()).hexdigest(),
            directory=str(training.path),
        ),
        directory=str(settings.runs_dir(configured) / run_id),
        stage_directories={stage_name: str(job.directory) for stage_name, job in jobs.items()},
        submission={"external": {**external, **objective}},
        kind=training.kind,
        host=settings.host(configured),
        place=settings.runs_dir_identity(configured),
    )


def stage_names(jobs: Sequence[Job]) -> dict[str, Job]:
    """Return the jobs by the names of their stages; one that is taken gets a number."""
    found: dict[str, Job] = {}
    for job in jobs:
        plain, number = _plain(job.name), 2
        name = plain = matrix.member_name(plain, job.matrix or None)
        while name in found:
            name, number = f"{plain} {number}", number + 1
        found[name] = job
    return found


def _plain(name: str) -> str:
    """Return a job's name without what a stage's name cannot have."""
    return re.sub(r"[/.\[\]{}$]", "-", printable(name)).strip()[:60] or "train"


def printable(text: str) -> str:
    """Return a text as the name of a run."""
    return "".join(one if one.isprintable() else " " for one in text)[:100].strip() or "training"


def attempt_directory(run_directory: Path, stage: StageDefinition, job: Job) -> str:
    """Make the directory of an attempt's logs, with a link to the training's log."""
    own = paths.stage_directory_names([stage.name])[stage.name] if stage.matrix else stage.name
    directory = paths.attempt_directory(run_directory / own, 1)
    if job.log is not None:
        directory.mkdir(mode=0o700, parents=True)
        (directory / protocol.STDOUT_FILE).symlink_to(job.log)
    return str(directory)


def _state(job: Job, open_paths: frozenset[str]) -> ExternalState:
    """Return a job's state, as its tracker recorded it, else by its processes and files."""
    named = [path for path, _format in job.sources or ()]
    files = named or [*job.directory.iterdir()] or [job.directory]
    times = [path.stat().st_mtime_ns // 1000 for path in files if path.exists()] or [clock.now()]
    status = Status(trainings.state(job, open_paths))
    ended = None if status == Status.RUNNING else micros(job.ended) or max(times)
    return ExternalState(status, micros(job.started) or min(times), ended)


def micros(seconds: float | None) -> int | None:
    """Return a time in microseconds."""
    return None if seconds is None else round(seconds * clock.SECOND)
