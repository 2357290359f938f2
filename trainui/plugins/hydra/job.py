"""Hydra's directories: a job's overrides, the prefixes of a multirun's jobs; its last words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from trainui.plugin import CommandLine, FoundCause, Group, Job, Owner, Place, Training
from trainui.plugin.reading import files, job_label, load_yaml
from trainui.plugins.hydra import sweep

DIRECTORY = ".hydra"
"""It marks the directory of a job."""

_BYTES = 1 << 20
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
    names = sweep.short_keys(list(values))
    unique = len({sweep.JOB, *names}) > len(names)
    texts = dict(zip(names, values.values(), strict=True)) if unique else {}
    room = sweep.LONGEST_NAME - len(f"{app}[{sweep.JOB}={number}]")
    shown = sweep.fitting_keys([*texts], room)
    return {sweep.JOB: number, **sweep.fitting({key: texts[key] for key in shown}, room)}


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
