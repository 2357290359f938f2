"""The usual metric files of a stage that names none, by their names."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from trainui.metrics.candidate import Candidate
from trainui.metrics.decoding import Reading
from trainui.store.point_sources import key_of

MAX_DEPTH = 5
"""Directories below the stage's that are looked into."""

MAX_ENTRIES = 5000
"""Names that are looked at: a stage may have unpacked a data set."""

_FAMILIES = {
    "json": re.compile(
        r".*\.jsonl|(metrics|progress|history|scalars|catboost_training|trainer_state)\.json|"
        r"log\.txt"
    ),
    "csv": re.compile(
        r"(progress|metrics|results|history|training|train|summary|log|training_log)\.csv|"
        r"training\.log"
    ),
    "tfevents": re.compile(r"(.*\.)?out\.tfevents.*"),
}
"""What a kind of file is called."""

_NOT_LOOKED_INTO = re.compile(r"\..*|__pycache__|node_modules|site-packages|wandb|mlruns")

_PARTS = frozenset({"train", "training", "validation", "val", "valid", "eval", "test", "learn"})
"""Directories of event files that say which part of a training their scalars are of."""

_TRAINER_STATE = "trainer_state.json"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")

_DVC_PLOTS = ("plots", "metrics")


def candidates(stage_dir: Path) -> list[Candidate]:
    """Return the usual files below a stage's directory."""
    found: list[Candidate] = []
    for path in _files(stage_dir):
        family = _family(path, stage_dir)
        if family is not None:
            reading = Reading(prefix=_prefix(path, stage_dir, family), doubtful=True)
            found += grouped([path], Candidate("", path, reading, family, one_of_many=True))
    return _latest(found)


def grouped(paths: Iterable[Path], like: Candidate) -> list[Candidate]:
    """Return candidates for files, one for all that hold the same history.

    Transformers writes its history into each checkpoint, and deletes the old ones.
    """
    return _latest([replace(like, key=_key(path), path=path) for path in paths])


def _key(path: Path) -> str:
    if path.name == _TRAINER_STATE and _CHECKPOINT.fullmatch(path.parent.name):
        return key_of(path.parent.parent / _TRAINER_STATE)
    return key_of(path)


def _latest(found: Iterable[Candidate]) -> list[Candidate]:
    """Return, of the candidates of one key, the one that was written last."""
    latest: dict[str, Candidate] = {}
    for one in found:
        other = latest.get(one.key)
        if other is None or _age(one.path) >= _age(other.path):
            latest[one.key] = one
    return list(latest.values())


def _age(path: Path) -> tuple[int, float]:
    """Return when a file was written, and of which step it is: a clock has its own steps."""
    try:
        modified = path.stat().st_mtime_ns
    except OSError:
        modified = 0
    checkpoint = _CHECKPOINT.fullmatch(path.parent.name)
    return modified, int(checkpoint[1]) if checkpoint else math.inf


def _files(root: Path) -> Iterator[Path]:
    """Yield the files below a directory, those of each directory before those below it."""
    entries = 0
    for directory, names, files in os.walk(root):
        depth = len(Path(directory).relative_to(root).parts)
        names[:] = sorted(name for name in names if not _NOT_LOOKED_INTO.fullmatch(name))
        if depth >= MAX_DEPTH:
            names.clear()
        entries += len(names) + len(files)
        if entries > MAX_ENTRIES:
            return
        yield from (Path(directory, name) for name in sorted(files))


def _family(path: Path, stage_dir: Path) -> str | None:
    if path.suffix == ".tsv" and _dvc_name(path, stage_dir) is not None:
        return "csv"
    for family, pattern in _FAMILIES.items():
        if pattern.fullmatch(path.name):
            return family
    return None


def _prefix(path: Path, stage_dir: Path, family: str) -> str:
    """Return what comes before the names of a file's metrics: its directory may be a part."""
    if family == "tfevents":
        return _events_prefix(path.parent, stage_dir)
    return _dvc_name(path, stage_dir) or ""


def _dvc_name(path: Path, stage_dir: Path) -> str | None:
    """Return the directory of DVCLive's table of one metric: `train/` of `train/loss.tsv`."""
    parts = path.relative_to(stage_dir).parts[:-1]
    for at in range(len(parts) - 1):
        if parts[at : at + 2] == _DVC_PLOTS:
            return "".join(f"{part}/" for part in parts[at + 2 :])
    return None


def _events_prefix(directory: Path, stage_dir: Path) -> str:
    """Return the part that a directory of event files stands for, as TensorBoard tells runs apart.

    It is one where the directory above holds event files too, or where its name says so.
    """
    above = [parent for parent in directory.parents if parent.is_relative_to(stage_dir)]
    for parent in above:
        if _holds_events(parent):
            return f"{directory.relative_to(parent).as_posix()}/"
    named = directory != stage_dir and directory.name.lower() in _PARTS
    return f"{directory.name}/" if named else ""


def _holds_events(directory: Path) -> bool:
    try:
        return any(_FAMILIES["tfevents"].fullmatch(path.name) for path in directory.iterdir())
    except OSError:
        return False
