"""Trainings of Hydra: the directories of single runs and of multiruns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainui.metrics.discovery import configuration, hydra
from trainui.metrics.discovery.trainings.model import Job, Training
from trainui.metrics.discovery.trainings.place import Place, listed

_NUMBER = re.compile(r"\d+")


def multirun(place: Place) -> Training | None:
    """Return a multirun, with a job for each of its directories."""
    if not place.has("multirun.yaml"):
        return None
    numbered = sorted(filter(_NUMBER.fullmatch, place.directories), key=int)
    others = [name for name in place.directories if not _NUMBER.fullmatch(name)]
    jobs = [_job(listed(place / name), name) for name in (*numbered, *others)]
    found = tuple(job for job in jobs if job is not None)
    return Training("hydra", _dated_name(place.path), place.path, found) if found else None


def single(place: Place) -> Training | None:
    """Return a single run, or a job whose multirun has no directory of its own."""
    job = _job(place, _name(place.path))
    return None if job is None else Training("hydra", job.name, place.path, (job,))


def _job(place: Place, name: str) -> Job | None:
    marked = place / hydra.DIRECTORY / "overrides.yaml"
    if hydra.DIRECTORY not in place.directories or not marked.is_file():
        return None
    log = next((place / file for file in place.files if file.endswith(".log")), None)
    return Job(name, place.path, params=hydra.params(place.path), log=log)


def _name(path: Path) -> str:
    if not (path / hydra.DIRECTORY).is_dir():
        return path.name
    found: Any = configuration.load(path / hydra.DIRECTORY / "hydra.yaml")
    for key in ("hydra", "job", "name"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return str(found or _dated_name(path))


def _dated_name(path: Path) -> str:
    """Return `2026-11-26 22-00-00` for Hydra's default directories, else the directory's name."""
    dated = re.fullmatch(r"\d{4}-\d\d-\d\d", path.parent.name)
    return f"{path.parent.name} {path.name}" if dated else path.name
