"""Trainings of trackers: W&B's logs, MLflow's file store, and the runs in databases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from trainui.metrics.discovery import configuration, default_sources, tracker_runs
from trainui.metrics.discovery.trainings.finder_types import tracked
from trainui.metrics.files import lenient_files
from trainui.metrics.trackers import trackio
from trainui.metrics.trackers import wandb as wandb_head
from trainui.plugin import Job, Place, Training
from trainui.plugin.records import study_of

_QUIET = 60.0
"""Trackio and Optuna's journals are opened for each write; and Trackio records no states."""

_MLFLOW_STATUS = {"1": "running", "3": "completed", "4": "failed", "5": "failed"}
"""`RunStatus` in a run's meta.yaml, as the number that MLflow writes."""


def wandb(place: Place) -> Training | None:
    """Return the run of one of W&B's directories."""
    logs = place.fits(tracker_runs.WANDB)
    if not logs or not tracker_runs.WANDB_DIRECTORY.fullmatch(place.path.name):
        return None
    run = wandb_head.describe(place / logs[0])
    output = place / "files" / "output.log"
    log = output if output.is_file() else None
    job = tracked(run, place.path, (place / logs[0], "wandb"), log=log)
    return Training("wandb", run.name, place.path, (job,))


def with_resumed(found: Iterable[Training]) -> list[Training]:
    """Return trainings, where a W&B run that was resumed is one: it has a directory each time.

    One whose steps begin again, since W&B was offline and did not know the others, is separate.
    """
    parts: dict[str, list[Training]] = {}
    for one in found:
        key = str(one.path.parent / _log(one).name) if one.kind == "wandb" else one.key
        parts.setdefault(key, []).append(one)
    return [one for several in parts.values() for one in _joined(several)]


def _joined(parts: list[Training]) -> list[Training]:
    """Return the runs that some parts of a W&B run make: the last directory has the logs of all."""
    if len(parts) == 1:
        return parts
    found: list[Training] = []
    for one in sorted(parts, key=lambda one: tracker_runs.time_of_wandb(_log(one))):
        if found and "resumed" in wandb_head.describe(_log(one)).tags:
            before, job = found.pop().jobs[0], one.jobs[0]
            sources = (*(before.sources or ()), *(job.sources or ()))
            params = {**before.params, **job.params}
            job = replace(job, sources=sources, params=params, started=before.started)
            one = replace(one, jobs=(job,))
        found.append(one)
    return found


def _log(training: Training) -> Path:
    return (training.jobs[0].sources or ())[-1][0]


def mlflow(place: Place) -> Training | None:
    """Return the run of a directory of MLflow's file store."""
    if not place.has("meta.yaml") or "metrics" not in place.directories:
        return None
    meta = configuration.load(place / "meta.yaml")
    if meta.keys().isdisjoint(("run_id", "run_uuid")) or meta.get("lifecycle_stage") == "deleted":
        return None
    tagged = lenient_files.text(place / "tags" / "mlflow.runName").strip()
    name = str(meta.get("run_name") or tagged or place.path.name)
    job = Job(
        name,
        place.path,
        params=configuration.of_mlflow(place.path),
        status=_MLFLOW_STATUS.get(str(meta.get("status"))),
        started=_milliseconds(meta.get("start_time")),
        ended=_milliseconds(meta.get("end_time")),
    )
    return Training("mlflow", name, place.path, (job,))


def _milliseconds(value: object) -> float | None:
    return value / 1000 if isinstance(value, int | float) else None


def in_databases(place: Place) -> list[Training]:
    """Return the runs in trackers' databases: those of one study are one training."""
    found: dict[str, Training] = {}
    journals = [name for name in place.files if default_sources.family_of(place / name) == "optuna"]
    for name in (*place.fits(tracker_runs.DATABASE), *journals):
        for run in tracker_runs.jobs(place / name):
            source = (Path(f"{place / name}#{run.id}"), None)
            quiet = _QUIET if run.tracker == trackio.NAME or name in journals else 0.0
            if name in journals and run.status == "running":
                run = replace(run, ended=(place / name).stat().st_mtime)  # the last sign of it
            job = tracked(run, place.path, source, run=run.id, quiet=quiet)
            title = run.name if study_of(run.id) == run.id else study_of(run.id)
            training = Training(run.tracker, title, place / name, (job,))
            before = found.get(training.key)
            jobs = (*before.jobs, job) if before is not None else (job,)
            found[training.key] = replace(training, jobs=jobs)
    return list(found.values())
