"""The jobs of a multirun as the members of one stage, in a pipeline file.

If they are all combinations of some values, as of Hydra's own sweeper, their values name them in a
member's name and command, else their numbers: of a sweeper that asks for more jobs later.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Overrides = Sequence[str]
"""The overrides of a job in Hydra's grammar, e.g. `["lr=0.1", "+model=tiny"]`."""

JOB_MODULE = "trainui.plugins.hydra.launched_job"
"""The module that a stage's process runs."""


JOB = "job"
"""The key of a job's number in a matrix that grows."""

BY_NUMBER = "--job"
"""It comes before a job's number, in place of values."""

LONGEST_NAME = 255
"""Characters of a member's full name."""

_LEAST = 10
"""The characters of a value, and the signs around it, for which a name has room at least."""


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
    short = short_keys(keys[0])
    return None if len(set(short)) < len(short) else Sweep(short, rows)


def short_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Shorten `+optimizer.lr` to `lr` where no other key ends alike, else to `optimizer-lr`."""
    plain = [re.sub("[^A-Za-z0-9_]+", ".", key).strip(".") for key in keys]
    plain = [f"_{key}" if key[:1].isdigit() else key for key in plain]
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
) -> dict[str, Any] | None:
    """Return a pipeline file of jobs that are all combinations of some values; else None.

    Args:
        name: of the pipeline, and of its stage.
        jobs: overrides by the jobs' numbers.
        fields: further fields of the stage.
        launch_file: the file from which `launched_job` loads what it runs.
    """
    sweep = read(list(jobs.values()))
    if sweep is None or (axes := sweep.axes()) is None:
        return None
    matrix = {key: [_escaped(value) for value in values] for key, values in axes.items()}
    chosen = [f"${{matrix.{key}}}" for key in axes]
    return _file(name, sweep.constants(), matrix, [launch_file, *chosen], fields)


def growing_pipeline(
    name: str,
    jobs: Mapping[int, Overrides],
    given: Collection[str],
    fields: Mapping[str, Any],
    launch_file: str,
) -> dict[str, Any]:
    """Return a pipeline file to which more jobs can be added without a change of the others.

    A member is named by its job's number, and by the values of what the first job overrides;
    `given` are the overrides that all jobs have, and the other arguments those of `pipeline`.
    """
    first = _values(next(iter(jobs.values())))
    texts = short_keys(list(first))
    named = dict(zip(first, texts, strict=True)) if len({JOB, *texts}) > len(texts) else {}
    same = {key for key, value in first.items() if f"{key}={value}" in given}
    room = LONGEST_NAME - len(f"{name}[{JOB}=99999]")
    shown = fitting_keys([text for key, text in named.items() if key not in same], room)
    rows = []
    for number, overrides in jobs.items():
        own_values = _values(overrides)
        own = {text: own_values.get(key, "-") for key, text in named.items() if text in shown}
        row = {JOB: str(number), **fitting(own, room)}
        rows.append({key: _escaped(value) for key, value in row.items()})
    values = [f"{key}=${{matrix.{text}}}" for key, text in named.items() if text in shown]
    command = [launch_file, BY_NUMBER, f"${{matrix.{JOB}}}", *values]
    constants = {named[key]: first[key] for key in named if key in same}
    return _file(name, constants, rows, command, fields)


def _values(overrides: Overrides) -> dict[str, str]:
    return {key: value for key, _, value in (one.partition("=") for one in overrides)}


def _file(
    name: str,
    params: Mapping[str, str],
    matrix: Mapping[str, Any] | Sequence[Any],
    arguments: Sequence[str],
    fields: Mapping[str, Any],
) -> dict[str, Any]:
    stage = {"name": name, "matrix": matrix, "run": ["${python}", "-m", JOB_MODULE, *arguments]}
    params = {key: _escaped(value) for key, value in params.items()}
    return {"name": name, "params": params, "stages": [{**stage, **fields}]}


def fitting_keys(keys: Sequence[str], most: int) -> list[str]:
    """Return the first keys that fit into so many characters with a part of their values."""
    shown: list[str] = []
    for key in keys:
        if len("".join((*shown, key))) + (len(shown) + 1) * _LEAST <= most:
            shown.append(key)
    return shown


def fitting(values: Mapping[str, str], most: int) -> dict[str, str]:
    """Return values for a name of at most so many characters: numbers are rounded, texts cut."""
    left = most - sum(len(key) + 2 for key in values)
    if sum(map(len, values.values())) <= left:
        return dict(values)
    short = {key: _rounded(value) for key, value in values.items()}
    if sum(map(len, short.values())) <= left:
        return short
    width = left // len(short)
    return {
        key: value if len(value) <= width else f"{value[: width - 1]}…"
        for key, value in short.items()
    }


def _rounded(value: str) -> str:
    try:
        return f"{float(value):.6g}"
    except ValueError:
        return value


def chosen(jobs: Mapping[int, Overrides], arguments: Sequence[str]) -> int:
    """Return the number of the job that a stage's command names.

    Args:
        jobs: overrides by the jobs' numbers.
        arguments: the values of the keys that vary, or the number.
    """
    if arguments[0] == BY_NUMBER:
        return int(arguments[1])
    sweep = read(list(jobs.values()))
    axes = sweep.axes() if sweep is not None else None
    assert axes is not None, "only combinations are chosen by their values"
    combinations = list(itertools.product(*axes.values()))
    if tuple(arguments) not in combinations:
        raise SystemExit(
            f"no job of this sweep has the values {' '.join(arguments)}; to try them, run the "
            "application again with these overrides"
        )
    return list(jobs)[combinations.index(tuple(arguments))]


def edited(overrides: Overrides, shown: Overrides) -> list[str]:
    """Return a job's overrides with those values that were edited in its member's name.

    `shown` are the values of the name, where long ones are rounded or cut.
    """
    wanted = _values(shown)
    return [
        f"{key}={wanted[key]}" if key in wanted and not _stands_for(wanted[key], value) else one
        for one, (key, _, value) in ((one, one.partition("=")) for one in overrides)
    ]


def _stands_for(shown: str, value: str) -> bool:
    rounded = _rounded(value)
    return shown in (value, rounded) or (shown[-1:] == "…" and rounded.startswith(shown[:-1]))


def _escaped(value: str) -> str:
    return value.replace("${", "$${")
