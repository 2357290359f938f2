"""Hydra's jobs: in its directories, and those of a multirun as the members of one stage.

If they are all combinations of some values, as of Hydra's own sweeper, their values name them in a
member's name and command, else their numbers: of a sweeper that asks for more jobs later.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from trainui.plugin import CommandLine, FoundCause, Group, Job, Owner, Place, Training
from trainui.plugin.reading import files, job_label, load_yaml

DIRECTORY = ".hydra"
"""It marks the directory of a job."""

_BYTES = 1 << 20
"""Bytes of one of Hydra's files that are read; they have some kilobytes."""

LONGEST_NAME = 255
"""Characters of a member's full name."""

_LEAST = 10
"""The characters of a value, and the signs around it, for which a name has room at least."""

_NUMBER = re.compile(r"^    num: (\d+)$", re.MULTILINE)
"""In `hydra.job`; a single run has `???`."""
_MULTIRUN = re.compile(r"^  mode: MULTIRUN$", re.MULTILINE)
_ITEM = re.compile(r"^- [ \t]*(['\"]?)(.*?)\1[ \t\r]*$", re.MULTILINE)


def overrides(directory: Path) -> list[str]:
    """Return the overrides of the job in a directory, as they were given; empty if it has none."""
    found = _ITEM.findall(files.text(directory / DIRECTORY / "overrides.yaml", _BYTES))
    return [text.replace("''", "'") if quote else text for quote, text in found]


def params(directory: Path) -> dict[str, str]:
    """Return the overrides of the job in a directory as parameters."""
    pairs = (one.lstrip("+").partition("=") for one in overrides(directory))
    return {key: value for key, sign, value in pairs if sign}


def group(directory: Path) -> Group | None:
    """Return the label and the overrides of the job in a directory; None if it has none."""
    if not (directory / DIRECTORY).is_dir():
        return None
    label = _label_of(directory)
    return Group(f"{label}/" if label else "", params(directory))


def owner(path: Path, tag: str, root: Path) -> Owner | None:
    """Return which attempt is the job that a file below a directory is of, if it is noted."""
    for up in path.parents:
        if up == root or not up.is_relative_to(root):
            break
        if attempt := files.text(up / DIRECTORY / tag):
            return Owner(attempt, up)
    return None


@lru_cache(maxsize=1024)
def _label_of(job: Path) -> str:
    number = _NUMBER.search(files.text(job / DIRECTORY / "hydra.yaml", _BYTES))
    return job_label(number[1], " ".join(overrides(job))) if number else ""


def training(place: Place) -> Training | None:
    """Return a multirun with its jobs, or a single run, or a job whose multirun is elsewhere."""
    if _is_multirun(place) and (found := _multirun(place)) is not None:
        return found
    if DIRECTORY not in place.directories:
        return None
    name = _app_name(place.path) or _dated_name(place.path)
    job = _job(place, name)
    words = " ".join([name, *(one.lstrip("+") for one in overrides(place.path))])
    return None if job is None else Training("hydra", words, place.path, (job,))


def _app_name(job: Path) -> str:
    """Return the name of a job's application; empty if it is not on record."""
    named: Any = load_yaml(job / DIRECTORY / "hydra.yaml")
    for key in ("hydra", "job", "name"):
        named = named.get(key) if isinstance(named, Mapping) else None
    return str(named or "")


def _is_multirun(place: Place) -> bool:
    """Return True for a multirun's directory: not all sweepers leave a `multirun.yaml` in it."""
    if place.has("multirun.yaml"):
        return True
    jobs = (place / name / DIRECTORY / "hydra.yaml" for name in _numbered(place))
    return any(_MULTIRUN.search(files.text(job, _BYTES)) for job in islice(jobs, 1))


def _numbered(place: Place) -> list[str]:
    return sorted(filter(str.isdecimal, place.directories), key=int)


def _multirun(place: Place) -> Training | None:
    numbered = _numbered(place)
    others = [name for name in place.directories if not name.isdecimal()]
    jobs = [_job(Place.of(place / name), name) for name in (*numbered, *others)]
    found = [job for job in jobs if job is not None]
    if not found:
        return None
    name, dated = _app_name(found[0].directory), _dated_name(place.path)
    if name:
        found = [replace(job, name=name, matrix=_member(job.name, name, job)) for job in found]
    title = f"{name} {dated}" if name and dated != place.path.name else dated
    return Training("hydra", title, place.path, tuple(found))


def _member(number: str, app: str, job: Job) -> dict[str, str]:
    """Return a job's values, named as by the launcher."""
    values = {key: value for key, value in job.params.items() if key.isprintable()}
    names = short_keys(list(values))
    unique = len({JOB, *names}) > len(names)
    texts = dict(zip(names, values.values(), strict=True)) if unique else {}
    room = LONGEST_NAME - len(f"{app}[{JOB}={number}]")
    shown = fitting_keys([*texts], room)
    return {JOB: number, **fitting({key: texts[key] for key in shown}, room)}


def _job(place: Place, name: str) -> Job | None:
    marked = place / DIRECTORY / "overrides.yaml"
    if DIRECTORY not in place.directories or not marked.is_file():
        return None
    log = next((place / file for file in place.files if file.endswith(".log")), None)
    return Job(name, place.path, params=params(place.path), log=log)


def _dated_name(path: Path) -> str:
    """Return `2026-11-26 22-00-00` for Hydra's default directories, else the directory's name."""
    dated = re.fullmatch(r"\d{4}-\d\d-\d\d", path.parent.name)
    return f"{path.parent.name} {path.name}" if dated else path.name


def command(path: Path, job: Path, run: str) -> CommandLine | None:
    """Return the command of a job, or of a multirun; None if its script is not found."""
    del path, run
    multirun = job / "multirun.yaml"
    file = multirun if multirun.is_file() else job / DIRECTORY / "hydra.yaml"
    document = load_yaml(file)
    hydra = document if "overrides" in document else document.get("hydra") or {}
    cwd, name = hydra.get("runtime", {}).get("cwd"), hydra.get("job", {}).get("name")
    script = _script(Path(str(cwd)), f"{name}.py", hydra)
    if script is None:
        return None
    given = map(str, hydra.get("overrides", {}).get("task") or ())
    sweep = ("-m",) if multirun.is_file() else ()
    return CommandLine(("python", script, *sweep, *given), str(cwd))


def _script(cwd: Path, name: str, hydra: Mapping[str, Any]) -> str | None:
    """Return the script below the working directory: there, or beside its configuration."""
    sources = hydra.get("runtime", {}).get("config_sources") or ()
    paths = [Path(one["path"]) for one in sources if one.get("schema") == "file"]
    near = [directory for path in paths for directory in (path, path.parent)]
    for directory in (cwd, cwd / "src", *near):
        if (directory / name).is_file() and directory.is_relative_to(cwd):
            return str((directory / name).relative_to(cwd))
    return None


_ADVICE = "Set the environment variable HYDRA_FULL_ERROR=1"

_FIX = "Correct the override or the configuration; HYDRA_FULL_ERROR=1 shows all of the error."


def cause(lines: Sequence[str]) -> FoundCause | None:
    """Return the first line of the message above the advice; None if that is not the last line."""
    last = next((line for line in reversed(lines) if line.strip()), "")
    if not last.startswith(_ADVICE):
        return None
    advice = max(at for at, line in enumerate(lines) if line.startswith(_ADVICE))
    said = "\n".join(lines[:advice]).rstrip().split("\n\n")[-1]
    line = said.partition("\n")[0]
    return FoundCause(line, line, _FIX, id="config_hydra") if said else None


Overrides = Sequence[str]
"""The overrides of a job in Hydra's grammar, e.g. `["lr=0.1", "+model=tiny"]`."""

JOB_MODULE = "trainui.plugins.hydra.launched_job"
"""The module that a stage's process runs."""


JOB = "job"
"""The key of a job's number in a matrix that grows."""

BY_NUMBER = "--job"
"""It comes before a job's number, in place of values."""


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
