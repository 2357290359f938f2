"""A run of MLflow's file store: its name, state, parameters and script, from its small files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainui.plugin import CommandLine, Job, Owner, Place, Training
from trainui.plugin.reading import files, load_yaml, tracked_runs
from trainui.plugins.mlflow import metric_file

_STATUS = {"1": "running", "3": "completed", "4": "failed", "5": "failed"}
"""`RunStatus` in a run's meta.yaml, as the number that MLflow writes."""

_SCRIPT, _SCRIPT_TYPE = "mlflow.source.name", "mlflow.source.type"


def training(place: Place) -> Training | None:
    """Return the run of a directory."""
    if not place.has("meta.yaml") or "metrics" not in place.directories:
        return None
    meta = load_yaml(place / "meta.yaml")
    if meta.keys().isdisjoint(("run_id", "run_uuid")) or meta.get("lifecycle_stage") == "deleted":
        return None
    tagged = files.text(place / "tags" / "mlflow.runName").strip()
    name = str(meta.get("run_name") or tagged or place.path.name)
    job = Job(
        name,
        place.path,
        params=_parameters(place.path),
        status=_STATUS.get(str(meta.get("status"))),
        started=_milliseconds(meta.get("start_time")),
        ended=_milliseconds(meta.get("end_time")),
    )
    return Training("mlflow", name, place.path, (job,))


def _milliseconds(value: object) -> float | None:
    return value / 1000 if isinstance(value, int | float) else None


def parameters(path: Path) -> Mapping[str, Any] | None:
    """Return the parameters of the run that a file is of; None for any other file."""
    return _parameters(metric_file.run_directory(path)) if metric_file.is_of_run(path) else None


def _parameters(run: Path) -> dict[str, str]:
    found = sorted((run / "params").rglob("*"))
    return {
        str(one.relative_to(run / "params")): files.text(one).strip()
        for one in found
        if one.is_file()
    }


def owner(path: Path, tag: str, root: Path) -> Owner | None:
    """Return which attempt has started the run that a file is of; None if its tag names none."""
    del root
    found = files.text(metric_file.run_directory(path) / "tags" / tag)
    return Owner(found) if found else None


def command(path: Path, job: Path, run: str) -> CommandLine | None:
    """Return the script of a run, without its arguments; None if it is not found."""
    del job
    if path.is_dir():
        tags = {name: files.text(path / "tags" / name).strip() for name in (_SCRIPT, _SCRIPT_TYPE)}
    else:
        tags = dict(next((one.tags for one in tracked_runs(path) if one.id == run), {}))
    script = Path(tags.get(_SCRIPT, ""))
    if tags.get(_SCRIPT_TYPE) != "LOCAL" or script.suffix != ".py":
        return None
    for directory in path.parents:
        if (directory / script).is_file() and "site-packages" not in script.parts:
            return CommandLine(("python", str(script)), str(directory), is_bare=True)
    return None
