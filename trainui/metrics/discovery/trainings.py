"""Finds the trainings below a directory that trainui did not start, by the files they left.

A directory with a marker (a tracker's or a framework's own file) is one training with all that is
in it. Files with usual names elsewhere are a training for each directory. Nothing is written,
locked or followed through a link.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from trainui.metrics.discovery import default_sources, process_files, tracker_runs
from trainui.metrics.trackers import TrackedRun, database, study_of, wandb

MOST_ENTRIES = 500_000
"""Directory entries that are examined, as a limit for e.g. a whole home directory."""

MAX_DEPTH = 12

_SKIPPED = re.compile(r"__pycache__|node_modules|site-packages|artifacts|\.git|\.venv|\.cache")
_WANDB = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-(\w+)")
_COMMON = re.compile(
    r"(version|run|exp)?_?\d*|logs?|tb|tensorboard|csv|vis_data|metrics|out(put)?s?|results",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+")
_MLFLOW_STATUS = {"1": "running", "3": "completed", "4": "failed", "5": "failed"}
"""`RunStatus` in a run's meta.yaml, as the number that MLflow writes."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training, or a job of a multirun."""

    name: str
    directory: Path
    sources: tuple[tuple[Path, str | None], ...] | None = None
    """Files and formats; None: the usual files below the directory."""
    params: Mapping[str, Any] = field(default_factory=dict)
    status: str | None = None
    """`running`, `completed` or `failed`, where the tracker recorded it; else None."""
    started: float | None = None
    """Seconds since 1970; None: not recorded."""
    ended: float | None = None
    log: Path | None = None
    run: str = ""
    """Its id in the database that `sources` names, which has other runs too."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training that was found: it becomes an external run."""

    kind: str
    """As in `trainui add --json`, e.g. `wandb`."""
    name: str
    path: Path
    jobs: tuple[Job, ...]
    """One; a multirun has one for each of its jobs."""

    @property
    def key(self) -> str:
        """Its identity among trainings in other files and in the same database."""
        return key_of_run(str(self.path), self.run)

    @property
    def run(self) -> str:
        """The id of its run in a tracker's database, or empty."""
        return study_of(self.jobs[0].run)


def key_of_run(path: str, run: str) -> str:
    """Return what identifies a training among those that are stored."""
    return f"{path}#{run}" if run else path


def state(job: Job, open_paths: frozenset[str]) -> str:
    """Return `running`, `completed`, `failed`, `cancelled`, `pruned`, or `ended` (unknown how).

    Args:
        job: the training as it was found now.
        open_paths: the files that processes have open for writing.
    """
    if job.status not in (None, "running"):
        return job.status
    if job.run and job.sources:  # a killed run stays `running` in its database
        file = str(job.sources[0][0]).partition("#")[0]
        return "running" if str(Path(file).resolve()) in open_paths else "ended"
    is_open = job.status is not None or process_files.is_any_below(job.directory, open_paths)
    return "running" if is_open else "ended"


@dataclass(frozen=True, slots=True)
class _Place:
    """A directory with its entries."""

    path: Path
    directories: tuple[str, ...]
    files: tuple[str, ...]

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def has(self, *names: str) -> bool:
        return all(name in self.files for name in names)

    def fits(self, pattern: re.Pattern[str]) -> list[str]:
        return [name for name in self.files if pattern.fullmatch(name)]


def below(path: Path) -> list[Training]:
    """Return the trainings in a directory and below it, or that of a file.

    Raises:
        OSError: the path cannot be read.
        UnreadableFileError: it is a damaged database.
    """
    if path.is_file():
        if database.is_database(path):
            database.copies.get(path, at_once=True)  # raises if it is damaged
        place = _Place(path.parent, (), (path.name,))
        found = _marked(place) or _plain(place)
        return _in_databases(place) or ([found] if found is not None else [])
    os.scandir(path).close()  # raises if it is not a readable directory
    return list(_below(path.absolute(), 0, [MOST_ENTRIES]))


def _below(path: Path, depth: int, left: list[int]) -> Iterator[Training]:
    place = _listed(path)
    left[0] -= len(place.directories) + len(place.files)
    if left[0] < 0:
        return
    if (marked := _marked(place)) is not None:
        yield marked
        return
    yield from _in_databases(place)
    if (plain := _plain(place)) is not None:
        yield plain
    for name in place.directories if depth < MAX_DEPTH else ():
        if not _SKIPPED.fullmatch(name):
            yield from _below(path / name, depth + 1, left)


def _listed(path: Path) -> _Place:
    directories, files = [], []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
    except OSError:
        pass  # one that cannot be read has no trainings for us
    return _Place(path, tuple(sorted(directories)), tuple(sorted(files)))


def _marked(place: _Place) -> Training | None:
    """Return the training of a directory with a marker; None if it has none."""
    for find in _FINDERS:
        if (found := find(place)) is not None:
            return found
    return None


def _multirun(place: _Place) -> Training | None:
    if not place.has("multirun.yaml"):
        return None
    numbered = sorted(filter(_NUMBER.fullmatch, place.directories), key=int)
    others = [name for name in place.directories if not _NUMBER.fullmatch(name)]
    jobs = [_hydra_job(_listed(place / name), name) for name in (*numbered, *others)]
    found = tuple(job for job in jobs if job is not None)
    return Training("hydra", _dated_name(place.path), place.path, found) if found else None


def _hydra(place: _Place) -> Training | None:
    job = _hydra_job(place, _name_of_hydra(place.path))
    return None if job is None else Training("hydra", job.name, place.path, (job,))


def _hydra_job(place: _Place, name: str) -> Job | None:
    if ".hydra" not in place.directories or not (place / ".hydra" / "overrides.yaml").is_file():
        return None
    overrides = _yaml(place / ".hydra" / "overrides.yaml")
    pairs = [str(one).lstrip("+").partition("=") for one in overrides or ()]
    params = {key: value for key, _, value in pairs}
    log = next((place / file for file in place.files if file.endswith(".log")), None)
    return Job(name, place.path, params=params, log=log)


def _name_of_hydra(path: Path) -> str:
    document = _yaml(path / ".hydra" / "hydra.yaml")
    found = document.get("hydra", {}).get("job", {}).get("name") if document else None
    return str(found or _dated_name(path))


def _dated_name(path: Path) -> str:
    """Return `2026-11-26/22-00-00` for Hydra's default directories, else the directory's name."""
    dated = re.fullmatch(r"\d{4}-\d\d-\d\d", path.parent.name)
    return f"{path.parent.name} {path.name}" if dated else path.name


def _wandb(place: _Place) -> Training | None:
    name = _WANDB.fullmatch(place.path.name)
    logs = place.fits(re.compile(r"run-.+\.wandb"))
    if name is None or not logs:
        return None
    run = wandb.describe(place / logs[0])
    output = place / "files" / "output.log"
    log = output if output.is_file() else None
    job = _tracked(run, place.path, ((place / logs[0], "wandb"),), log)
    return Training("wandb", run.name, place.path, (job,))


def _tracked(
    run: TrackedRun,
    directory: Path,
    sources: tuple[tuple[Path, str | None], ...],
    log: Path | None = None,
    id_: str = "",
) -> Job:
    return Job(
        *(run.name, directory, sources),
        params=_as_json(run.params),
        status=run.status,
        started=run.started,
        ended=run.ended,
        log=log,
        run=id_,
    )


def _in_databases(place: _Place) -> list[Training]:
    """Return the runs in trackers' databases: those of one study are one training."""
    found: dict[str, Training] = {}
    for name in place.fits(tracker_runs.DATABASE):
        kind, runs = tracker_runs.jobs(place / name)
        for run in runs:
            source = (Path(tracker_runs.name_of(place / name, run.id)), None)
            job = _tracked(run, place.path, (source,), id_=run.id)
            title = run.name if study_of(run.id) == run.id else study_of(run.id)
            training = Training(kind, title, place / name, (job,))
            before = found.get(training.key)
            jobs = (*before.jobs, job) if before is not None else (job,)
            found[training.key] = replace(training, jobs=jobs)
    return list(found.values())


def _mlflow(place: _Place) -> Training | None:
    if not place.has("meta.yaml") or "metrics" not in place.directories:
        return None
    meta = _yaml(place / "meta.yaml")
    if "run_id" not in meta and "run_uuid" not in meta:
        return None
    params = {
        str(file.relative_to(place / "params")): _text(file)
        for file in sorted((place / "params").rglob("*"))
        if file.is_file()
    }
    name = str(meta.get("run_name") or _text(place / "tags" / "mlflow.runName") or place.path.name)
    job = Job(
        name,
        place.path,
        params=params,
        status=_MLFLOW_STATUS.get(str(meta.get("status"))),
        started=_milliseconds(meta.get("start_time")),
        ended=_milliseconds(meta.get("end_time")),
    )
    return Training("mlflow", name, place.path, (job,))


def _milliseconds(value: object) -> float | None:
    return value / 1000 if isinstance(value, int | float) else None


def _ultralytics(place: _Place) -> Training | None:
    if not place.has("args.yaml", "results.csv"):
        return None
    return _single("ultralytics", place, params=flat(_yaml(place / "args.yaml")))


def _lightning(place: _Place) -> Training | None:
    if not place.has("hparams.yaml"):
        return None
    params = flat(_yaml(place / "hparams.yaml"))
    return _single("lightning", place, _telling_name(place.path), params)


def _hugging_face(place: _Place) -> Training | None:
    kept = [name for name in place.directories if re.fullmatch(r"checkpoint-\d+", name)]
    if place.has("trainer_state.json") or any(
        (place / name / "trainer_state.json").is_file() for name in kept
    ):
        return _single("hf", place)
    return None


def _dvclive(place: _Place) -> Training | None:
    plots = place / "plots" / "metrics"
    return _single("dvclive", place) if "plots" in place.directories and plots.is_dir() else None


def _sb3(place: _Place) -> Training | None:
    names = set(place.files)
    if not names & {"progress.csv", "progress.json"}:
        return None
    log = place / ("progress.csv" if "progress.csv" in names else "progress.json")
    return _single("sb3", place) if b"time/" in _head(log) else None


def _single(
    kind: str, place: _Place, name: str | None = None, params: Mapping[str, Any] | None = None
) -> Training:
    name = name or place.path.name
    job = Job(name, place.path, params=params or {}, log=_log_in(place))
    return Training(kind, name, place.path, (job,))


def _events(place: _Place) -> Training | None:
    """Return the training of a directory of event files, with what writers put below it."""
    parts = [_listed(place / name) for name in place.directories if default_sources.is_part(name)]
    if any(_kind(one / name) == "tfevents" for one in (place, *parts) for name in one.files):
        return _single("tfevents", place, _telling_name(place.path))
    return None


_FINDERS: tuple[Callable[[_Place], Training | None], ...] = (
    _multirun,
    _hydra,
    _wandb,
    _mlflow,
    _ultralytics,
    _lightning,
    _hugging_face,
    _dvclive,
    _sb3,
    _events,
)


_PLAIN_KINDS = ("wandb", "optuna", "keras", "csv", "jsonl")
"""Kinds of a directory's files without a marker, most specific first."""


def _plain(place: _Place) -> Training | None:
    """Return the training of the files with usual names in a directory; None if there are none."""
    found = {place / name: kind for name in place.files if (kind := _kind(place / name))}
    if not found:
        return None
    kind = next((one for one in _PLAIN_KINDS if one in found.values()), "log")
    sources = tuple((path, None) for path, one in found.items() if one != "log" or kind == "log")
    name = _telling_name(place.path)
    return Training(kind, name, place.path, (Job(name, place.path, sources, log=_log_in(place)),))


def _telling_name(path: Path) -> str:
    """Return a directory's name, behind that of its parent if it is a common one."""
    return f"{path.parent.name}/{path.name}" if _COMMON.fullmatch(path.name) else path.name


def _kind(path: Path) -> str | None:
    family = default_sources.family_of(path)
    if family == "csv":
        return "keras" if _head(path).startswith(b"epoch,") else "csv"
    return {"json": "jsonl", "text": "log"}.get(family or "", family)


def _log_in(place: _Place) -> Path | None:
    return next((place / name for name in place.files if name.endswith((".log", ".out"))), None)


def _head(path: Path, size: int = 4096) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _text(path: Path) -> str:
    return _head(path).decode(errors="replace").strip()


class _Loader(yaml.CSafeLoader):
    """Loads YAML whose tags name Python objects (Lightning writes some) as plain values."""


def _ignored(_loader: yaml.CSafeLoader, _suffix: str, _node: yaml.Node) -> None:
    """Stand for the value of an unknown tag."""


_Loader.add_multi_constructor("", _ignored)


def _yaml(path: Path) -> Any:
    """Return a YAML file's content; an empty mapping if it cannot be read."""
    try:
        return yaml.load(_head(path, 1 << 20), _Loader) or {}
    except (yaml.YAMLError, ValueError):
        return {}


def _as_json(value: Any) -> Any:
    """Return a value as JSON can have it: a number that is not finite as a text."""
    if isinstance(value, Mapping):
        return {str(key): _as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


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
