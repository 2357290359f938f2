"""Trainings of frameworks, by the files that each of them leaves in a directory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainui.metrics.discovery import configuration, default_sources, hydra
from trainui.metrics.files import lenient_files
from trainui.plugin import Job, Place, Training

_NUMBER = re.compile(r"\d+")
_CHECKPOINT = re.compile(r"checkpoint-\d+")
_VERSION = re.compile(r"version_\d+")
_QUIET = {"ultralytics": 60.0, "lightning": 60.0, "hf": 60.0, "dvclive": 60.0}
"""By kind: a training that opens its files for each write has ended after so many seconds."""
_PLAIN_QUIET = 10.0
"""The same where the writer is not known, which usually keeps its files open."""

_PLAIN_KINDS = ("wandb", "hf", "keras", "csv", "jsonl")
"""Kinds of a directory's files without a marker, most specific first."""


def hydra_multirun(place: Place) -> Training | None:
    """Return a multirun, with a job for each of its directories."""
    if not place.has("multirun.yaml"):
        return None
    numbered = sorted(filter(_NUMBER.fullmatch, place.directories), key=int)
    others = [name for name in place.directories if not _NUMBER.fullmatch(name)]
    jobs = [_hydra_job(Place.of(place / name), name) for name in (*numbered, *others)]
    found = tuple(job for job in jobs if job is not None)
    return Training("hydra", _dated_name(place.path), place.path, found) if found else None


def hydra_single(place: Place) -> Training | None:
    """Return a single run, or a job whose multirun has no directory of its own."""
    if hydra.DIRECTORY not in place.directories:
        return None
    found: Any = configuration.load(place / hydra.DIRECTORY / "hydra.yaml")
    for key in ("hydra", "job", "name"):
        found = found.get(key) if isinstance(found, Mapping) else None
    job = _hydra_job(place, str(found or _dated_name(place.path)))
    return None if job is None else Training("hydra", job.name, place.path, (job,))


def _hydra_job(place: Place, name: str) -> Job | None:
    marked = place / hydra.DIRECTORY / "overrides.yaml"
    if hydra.DIRECTORY not in place.directories or not marked.is_file():
        return None
    log = next((place / file for file in place.files if file.endswith(".log")), None)
    return Job(name, place.path, params=hydra.params(place.path), log=log)


def _dated_name(path: Path) -> str:
    """Return `2026-11-26 22-00-00` for Hydra's default directories, else the directory's name."""
    dated = re.fullmatch(r"\d{4}-\d\d-\d\d", path.parent.name)
    return f"{path.parent.name} {path.name}" if dated else path.name


def ultralytics(place: Place) -> Training | None:
    """Return the training of a directory with `args.yaml` and `results.csv`."""
    if not place.has("args.yaml", "results.csv"):
        return None
    return _single("ultralytics", place, params=_settings(place, "args.yaml"))


def lightning(place: Place) -> Training | None:
    """Return the training of a directory with `hparams.yaml`, or of `version_0/metrics.csv`."""
    is_version = _VERSION.fullmatch(place.path.name) is not None and place.has("metrics.csv")
    if not is_version and not place.has("hparams.yaml"):
        return None
    return _single("lightning", place, place.clear_name(), _settings(place, "hparams.yaml"))


def hugging_face(place: Place) -> Training | None:
    """Return the training of a directory with a `trainer_state.json`, or checkpoints with one."""
    kept = filter(_CHECKPOINT.fullmatch, place.directories)
    states = (place / name / "trainer_state.json" for name in kept)
    if place.has("trainer_state.json") or any(map(Path.is_file, states)):
        return _single("hf", place)
    return None


def dvclive(place: Place) -> Training | None:
    """Return the training of a directory with `plots/metrics`."""
    if "plots" not in place.directories or not (place / "plots" / "metrics").is_dir():
        return None
    return _single("dvclive", place, params=_settings(place, "params.yaml"))


def sb3(place: Place) -> Training | None:
    """Return the training of a directory with the `progress.csv` of Stable-Baselines3's logger."""
    log = next((one for one in ("progress.csv", "progress.json") if one in place.files), None)
    if log is None or b"time/" not in lenient_files.head(place / log):
        return None
    return _single("sb3", place)


def events(place: Place) -> Training | None:
    """Return the training of a directory of event files, with what writers put below it."""
    parts = [Place.of(place / name) for name in place.directories if default_sources.is_part(name)]
    if any(_kind(one, name) == "tfevents" for one in (place, *parts) for name in one.files):
        return _single("tfevents", place, place.clear_name())
    return None


def plain(place: Place) -> Training | None:
    """Return the training of the files with usual names in a directory; None if it has none."""
    kinds = {name: _kind(place, name) for name in place.files}
    found = {name: kind for name, kind in kinds.items() if kind and kind != "optuna"}
    if not found:
        return None
    kind = next((one for one in _PLAIN_KINDS if one in found.values()), "log")
    sources = tuple(
        (place / name, None) for name, one in found.items() if one != "log" or kind == "log"
    )
    name, params = place.clear_name(), _settings(place, "args.yaml")
    job = Job(name, place.path, sources, params=params, log=place.log(), quiet=_PLAIN_QUIET)
    return Training(kind, name, place.path, (job,))


def _kind(place: Place, name: str) -> str | None:
    family = default_sources.family_of(place / name)
    if family == "csv":
        names = lenient_files.head(place / name).split(b"\n")[0].strip().split(b",")
        is_keras = names[0] == b"epoch" and b"loss" in names and b"step" not in names
        return "keras" if is_keras else "csv"
    return {"json": "jsonl", "text": "log"}.get(family or "", family)


def _settings(place: Place, name: str) -> dict[str, Any]:
    return configuration.flat(configuration.load(place / name)) if place.has(name) else {}


def _single(
    kind: str, place: Place, name: str | None = None, params: Mapping[str, Any] | None = None
) -> Training:
    name = name or place.path.name
    quiet = _QUIET.get(kind, 0.0)
    job = Job(name, place.path, params=params or {}, log=place.log(), quiet=quiet)
    return Training(kind, name, place.path, (job,))
