"""The configurations that trackers and frameworks leave, as flat parameters: `optimizer.lr`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from trainui.metrics.discovery import hydra, tracker_runs
from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.files import lenient_files
from trainui.metrics.formats import dvclive, mlflow

MOST = 200
"""Parameters of a run; Transformers has some 150."""

_LONGEST = 200
"""Characters of a value."""

_BYTES = 1 << 20

_FILES = ("hparams.yaml", "args.yaml")
"""Files of Lightning, timm and Ultralytics, beside those with the metrics."""


def of_sources(sources: Iterable[SourceFile], stage_dir: Path) -> dict[str, str]:
    """Return the parameters that an attempt's trackers and frameworks recorded."""
    found: dict[str, Any] = {}
    sources = list(sources)
    jobs = {up for one in sources for up in one.path.parents if (up / hydra.DIRECTORY).is_dir()}
    if len(jobs | {stage_dir}) <= 2:  # the jobs of a multirun have no parameters in common
        for job in jobs | {stage_dir}:
            found |= hydra.params(job)
    for one in sources:
        found = {**flat(_of_source(one)), **found}
    values = ((name, str(value)) for name, value in found.items())
    return dict(islice((one for one in values if len(one[1]) <= _LONGEST), MOST))


def summary_of_sources(sources: Iterable[SourceFile]) -> dict[str, Any]:
    """Return the summary that W&B recorded in some files; lists and long texts are left out."""
    from trainui.metrics.trackers import wandb

    logs = [one.path for one in sources if tracker_runs.WANDB.fullmatch(one.path.name)]
    found: dict[str, Any] = {}
    for path in sorted(logs, key=tracker_runs.time_of_wandb):
        found |= flat(wandb.summary(path))
    short = ((name, as_json(one)) for name, one in found.items() if len(str(one)) <= _LONGEST)
    return dict(islice(short, MOST))


def _of_source(one: SourceFile) -> Mapping[str, Any]:
    from trainui.metrics.trackers import wandb

    if one.run:
        runs = tracker_runs.of_database(one.path)
        return next((run.params for run in runs if run.id == one.run), {})
    if tracker_runs.WANDB.fullmatch(one.path.name):
        return wandb.describe(one.path).params
    if mlflow.is_of_run(one.path):
        return of_mlflow(mlflow.run_directory(one.path))
    if (file := dvclive.parameters_file(one.path)) is not None:
        return load(file)
    return in_directory(one.path.parent)


def in_directory(directory: Path) -> Mapping[str, Any]:
    """Return the configuration that a framework wrote in a directory; empty if there is none."""
    found = (load(directory / name) for name in _FILES)
    return next((one for one in found if one), {})


def of_mlflow(run: Path) -> dict[str, str]:
    """Return the parameters of a run in MLflow's file store."""
    files = sorted((run / "params").rglob("*"))
    return {
        str(one.relative_to(run / "params")): lenient_files.text(one).strip()
        for one in files
        if one.is_file()
    }


def flat(document: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested settings as `optimizer.lr`; a list as JSON."""
    if not isinstance(document, Mapping):
        return {}
    found: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            plain = isinstance(value, str | int | float | bool | None)
            found[f"{prefix}{key}"] = value if plain else json.dumps(value, default=str)
    return found


def as_json(value: Any) -> Any:
    """Return a value as JSON can have it: a number that is not finite as a text."""
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def load(path: Path) -> Mapping[str, Any]:
    """Return the mapping in a YAML file; an empty one if it cannot be read."""
    data = lenient_files.head(path, _BYTES)
    if not data:
        return {}
    import yaml  # not at the reader's start

    try:
        found = yaml.load(data, _loader())
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


@cache
def _loader() -> Any:
    """Return a loader that ignores tags of Python objects, of which Lightning writes some."""
    import yaml

    class PlainLoader(yaml.CSafeLoader):
        """Loads an object with such a tag as None."""

    PlainLoader.add_multi_constructor("", lambda _loader, _suffix, _node: None)
    return PlainLoader
