"""Trainings of frameworks, by the files that each of them leaves in a directory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trainui.metrics.discovery import default_sources
from trainui.metrics.files import configuration, lenient_files
from trainui.plugin import Format, Job, Place, Training, registry

_VERSION = re.compile(r"version_\d+")
_QUIET = 60.0
"""A training that opens its files for each write has ended after so many seconds."""
_PLAIN_QUIET = 10.0
"""The same where the writer is not known, which usually keeps its files open."""

_PLAIN_KINDS = ("keras", "csv", "jsonl")
"""Kinds of a directory's files without a marker, most specific first; those of plugins come before
these, whose files have a history of their own."""


def ultralytics(place: Place) -> Training | None:
    """Return the training of a directory with `args.yaml` and `results.csv`."""
    if not place.has("args.yaml", "results.csv"):
        return None
    params = settings(place, "args.yaml")
    return of_directory("ultralytics", place, params=params, quiet=_QUIET)


def lightning(place: Place) -> Training | None:
    """Return the training of a directory with `hparams.yaml`, or of `version_0/metrics.csv`."""
    is_version = _VERSION.fullmatch(place.path.name) is not None and place.has("metrics.csv")
    if not is_version and not place.has("hparams.yaml"):
        return None
    params = settings(place, "hparams.yaml")
    return of_directory("lightning", place, place.clear_name(), params, quiet=_QUIET)


def sb3(place: Place) -> Training | None:
    """Return the training of a directory with the `progress.csv` of Stable-Baselines3's logger."""
    log = next((one for one in ("progress.csv", "progress.json") if one in place.files), None)
    if log is None or b"time/" not in lenient_files.head(place / log):
        return None
    return of_directory("sb3", place)


def plain(place: Place) -> Training | None:
    """Return the training of the files with usual names in a directory; None if it has none."""
    kinds = {name: _kind(place, name) for name in place.files}
    found = {
        name: kind
        for name, kind in kinds.items()
        if kind and not default_sources.is_study(place / name)
    }
    if not found:
        return None
    plugins = sorted(registry.records(Format), key=lambda one: -one.precedence)
    known = [one.family for one in plugins if not one.one_directory]
    kind = next((one for one in (*known, *_PLAIN_KINDS) if one in found.values()), "log")
    sources = tuple(
        (place / name, None) for name, one in found.items() if one != "log" or kind == "log"
    )
    name, params = place.clear_name(), settings(place, "args.yaml")
    job = Job(name, place.path, sources, params=params, log=place.log(), quiet=_PLAIN_QUIET)
    return Training(kind, name, place.path, (job,))


def _kind(place: Place, name: str) -> str | None:
    family = default_sources.family_of(place / name)
    if family == "csv":
        names = lenient_files.head(place / name).split(b"\n")[0].strip().split(b",")
        is_keras = names[0] == b"epoch" and b"loss" in names and b"step" not in names
        return "keras" if is_keras else "csv"
    return {"json": "jsonl", "text": "log"}.get(family or "", family)


def settings(place: Place, name: str) -> dict[str, Any]:
    """Return the flat settings in a YAML file of a directory; none if it has no such file."""
    return configuration.flat(configuration.load_yaml(place / name)) if place.has(name) else {}


def of_directory(
    kind: str,
    place: Place,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    *,
    quiet: float = 0.0,
) -> Training:
    """Return the training of all files below a directory; without a name, it has the directory's.

    `quiet` is that of its job.
    """
    name = name or place.path.name
    job = Job(name, place.path, params=params or {}, log=place.log(), quiet=quiet)
    return Training(kind, name, place.path, (job,))
