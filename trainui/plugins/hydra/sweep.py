"""The jobs of a multirun as a pipeline file.

If they are all combinations of some values, as of Hydra's own sweeper, they become one stage with a
matrix, else a stage each. A member's command names its job by the values, or by the number.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Overrides = Sequence[str]
"""The overrides of a job in Hydra's grammar, e.g. `["lr=0.1", "+model=tiny"]`."""

JOB_MODULE = "trainui.plugins.hydra.launched_job"
"""The module that a stage's process runs."""


@dataclass(frozen=True)
class Sweep:
    """The jobs' overrides in columns."""

    keys: tuple[str, ...]
    """The keys as parameters of ours, e.g. `lr` for `+optimizer.lr`."""

    rows: tuple[tuple[str, ...], ...]
    """The values of each job, one a key."""

    def axes(self) -> dict[str, list[str]] | None:
        """Return the values of each key that varies if the jobs are all combinations in order."""
        columns = {
            key: list(dict.fromkeys(column))
            for key, column in zip(self.keys, zip(*self.rows, strict=True), strict=True)
        }
        combinations = tuple(itertools.product(*columns.values()))
        if len(self.rows) < 2 or combinations != self.rows:
            return None
        return {key: values for key, values in columns.items() if len(values) > 1}

    def constants(self) -> dict[str, str]:
        """Return the values that all jobs share."""
        columns = zip(self.keys, zip(*self.rows, strict=True), strict=True)
        return {key: column[0] for key, column in columns if len(set(column)) == 1}


def read(jobs: Sequence[Overrides]) -> Sweep | None:
    """Return the jobs' overrides in columns; None if they do not override the same keys."""
    pairs = [[one.partition("=")[::2] for one in overrides] for overrides in jobs]
    keys = [tuple(key for key, _value in job) for job in pairs]
    if len(set(keys)) != 1:
        return None
    rows = tuple(tuple(value for _key, value in job) for job in pairs)
    short = _short_keys(keys[0])
    return None if len(set(short)) < len(short) else Sweep(short, rows)


def _short_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Shorten `+optimizer.lr` to `lr` where no other key ends alike, else to `optimizer-lr`."""
    plain = [re.sub("[^A-Za-z0-9_]+", ".", key).strip(".") for key in keys]
    last = Counter(key.rpartition(".")[2] for key in plain)
    return tuple(
        key.rpartition(".")[2] if last[key.rpartition(".")[2]] == 1 else key.replace(".", "-")
        for key in plain
    )


def pipeline(
    name: str,
    jobs: Mapping[int, Overrides],
    fields: Mapping[str, Any],
    launch_file: str,
) -> dict[str, Any]:
    """Return a pipeline file of the jobs.

    Args:
        name: of the pipeline, and of its stage.
        jobs: overrides by the jobs' numbers.
        fields: further fields of each stage.
        launch_file: the file from which `launched_job` loads what it runs.
    """
    sweep = read(list(jobs.values()))
    params = {key: _escaped(value) for key, value in (sweep.constants() if sweep else {}).items()}
    command = ["${python}", "-m", JOB_MODULE, launch_file]
    stages: list[dict[str, Any]]
    if sweep is not None and (axes := sweep.axes()):
        chosen = [f"${{matrix.{key}}}" for key in axes]
        matrix = {key: [_escaped(value) for value in values] for key, values in axes.items()}
        stages = [{"name": name, "matrix": matrix, "run": [*command, *chosen], **fields}]
    else:
        stages = [
            {"name": f"{name} {number}", "run": [*command, str(number)], **fields}
            for number in jobs
        ]
    return {"name": name, "params": params, "stages": stages}


def chosen(jobs: Mapping[int, Overrides], arguments: Sequence[str]) -> int:
    """Return the number of the job that a stage's command names.

    Args:
        jobs: overrides by the jobs' numbers.
        arguments: the values of the keys that vary, or the number.
    """
    sweep = read(list(jobs.values()))
    if sweep is None or not (axes := sweep.axes()):
        return int(arguments[0])
    combinations = list(itertools.product(*axes.values()))
    return list(jobs)[combinations.index(tuple(arguments))]


def _escaped(value: str) -> str:
    return value.replace("${", "$${")
