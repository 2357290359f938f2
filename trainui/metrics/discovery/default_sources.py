"""Default sources of a stage that names none: found by file name, then by content.

The rule: files that a trainer writes for programs come before log lines for people, which are read
only if there is nothing else.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from trainui.metrics.discovery import hydra, tracker_runs
from trainui.metrics.discovery.file_sizes_at_start import NOT_LOOKED_INTO
from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.files import tail
from trainui.metrics.files.decoder_choice import DecoderChoice
from trainui.metrics.formats import UnknownFormatError, dvclive, labels, mlflow
from trainui.metrics.formats.detect import detect
from trainui.store.points.source_record import key_of

MAX_DEPTH = 8
"""Levels of directories searched below the stage's directory."""

MAX_ENTRIES = 5000
"""Directory entries examined: a stage may have unpacked a data set."""

_FAMILIES = {
    "json": re.compile(
        r".*\.jsonl|.*\.log\.json|([\w-]*[_-])?(metrics|progress|history|scalars)\.json|"
        r"(catboost_training|result)\.json"
    ),
    "hf": re.compile(r"trainer_state\.json"),
    "csv": re.compile(
        r"([\w.-]*[_.-])?"
        r"(progress|metrics|results|history|training|train|summary|log|monitor|loss)\.[ct]sv"
    ),
    "tfevents": re.compile(r"(.*\.)?out\.tfevents.*"),
    "wandb": tracker_runs.WANDB,
}
"""Kinds of files, by name."""

_TEXT = re.compile(
    r".*\.(log|out|err)(\.\d+)?"
    r"|[\w-]*(log|output|stdout|stderr|train|loss|progress|metrics|results|history)[\w-]*\.txt"
)
"""Files that may be a table, JSON lines or a trainer's log, depending on their first bytes."""

_SNIFFED_BYTES = 4096

_OF_CONTENT = {"jsonl": "json", "csv": "csv", "optuna": "optuna"}

_ROTATED = re.compile(r"\.\d+$")

_PARTS = re.compile(
    r"(?:train(?:ing)?|val(?:id(?:ation)?)?|eval|test|learn)[_-]?\d*", re.IGNORECASE
)
"""Names of event file directories that stand for a part of the data."""

_NOT_TRAINED = re.compile(rf"(?:^|[._-])({labels.HELD_OUT})(?:$|[._-])", re.IGNORECASE)
"""In the names of files with metrics of held-out data."""

_FOLD = re.compile(r"(?:fold|split|seed|trial|member|agent|rank)[_-]?\d+", re.IGNORECASE)
"""Directories of trainings that write the same metrics side by side."""

_TRAINER_STATE = "trainer_state.json"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def candidates(stage_dir: Path, *, since: float = 0) -> list[SourceFile]:
    """Return the default files below a directory, those for people last; `since`: the start."""
    found: list[SourceFile] = []
    printed: list[SourceFile] = []
    for path in _files(stage_dir):
        if tracker_runs.DATABASE.fullmatch(path.name):
            runs = (run for run in tracker_runs.of_database(path) if (run.ended or since) >= since)
            found += tracker_runs.sources(path, runs, since)
        elif (one := candidate(path, stage_dir)) is not None:
            (printed if one.is_fallback else found).append(one)
    return [*tracker_runs.with_prefixes(latest(found), since), *printed]


def is_usual(path: Path) -> bool:
    """Return True if a file may have metrics, by its name."""
    return (
        _family_of_name(path.name) is not None
        or _TEXT.fullmatch(path.name) is not None
        or tracker_runs.DATABASE.fullmatch(path.name) is not None
        or dvclive.metric_name(path) is not None
        or mlflow.is_of_run(path)
    )


def is_for_programs(path: Path) -> bool:
    """Return True if a file has metrics for programs, by its name: no log, and no database."""
    return not is_wandbs_own(path.parts, path.name) and _family_of_name(path.name) is not None


def is_wandbs_own(parts: Sequence[str], name: str) -> bool:
    """Return True for W&B's own logs, and its copies of the trainer's files."""
    is_below = not {"wandb", ".wandb"}.isdisjoint(parts[:-1])
    return is_below and tracker_runs.WANDB.fullmatch(name) is None


def by_kind(named: Iterable[SourceFile]) -> list[SourceFile]:
    """Return named files as if they were found: one curve never mixes two kinds of files."""
    kinds = list(_FAMILIES)

    def order(one: SourceFile) -> tuple[int, int]:
        rotated = _ROTATED.search(one.path.name)  # the highest number is the oldest part
        kind = kinds.index(one.family) if one.family in kinds else 0
        return kind, -int(rotated[0][1:]) if rotated else 0

    found = [one if one.run else replace(one, family=_kind_of(one.path)) for one in named]
    return sorted(_with_events_prefixes(found), key=order)


def _with_events_prefixes(named: Sequence[SourceFile]) -> list[SourceFile]:
    """Return named files, those of events with prefixes as if their directory were searched."""
    above = {one.path.parent for one in named if one.family == "tfevents"}
    tops = [path.parent if is_part(path.name) else path for path in above]
    root = Path(os.path.commonpath(tops)) if tops else Path()

    def prefixed(one: SourceFile) -> SourceFile:
        reading = replace(one.reading, prefix=_events_prefix(one.path.parent, root), part="")
        return replace(one, reading=reading)

    return [prefixed(one) if one.family == "tfevents" else one for one in named]


def _kind_of(path: Path) -> str:
    """Return a file's family; that of a log is its own, which the parts of a rotated log share."""
    table = "csv" if path.suffix in (".csv", ".tsv") else None
    return _family_of_name(path.name) or table or _ROTATED.sub("", str(path))


def usual_files(root: Path) -> Iterator[Path]:
    """Yield the files below a directory that may have metrics, by their names."""
    return filter(is_usual, _files(root))


def candidate(path: Path, stage_dir: Path) -> SourceFile | None:
    """Return a file as a candidate; None if its name is not one of the usual ones."""
    if is_wandbs_own(path.parts[len(stage_dir.parts) :], path.name):
        return None
    if dvclive.is_summary(path):
        return replace(_found(path, "summary", format="dvclive"), is_final=True)
    if dvclive.metric_name(path) is not None:
        return _found(path, "dvclive", format="dvclive")
    if mlflow.is_of_run(path):
        prefix = mlflow.nested_prefix(path, stage_dir)
        return _found(path, "mlflow", format="mlflow", prefix=prefix)
    family = _family_of_name(path.name)
    if family is None:
        return _sniffed(path, stage_dir) if _TEXT.fullmatch(path.name) else None
    if family == "tfevents":
        return _found(path, family, prefix=_events_prefix(path.parent, stage_dir))
    prefix, part = _fold_prefix(path.parent, stage_dir), part_of(path, stage_dir)
    return _found(path, family, prefix=prefix, part=part)


def _found(
    path: Path, family: str, *, format: str | None = None, prefix: str = "", part: str = ""
) -> SourceFile:
    """Return a candidate that no stage names."""
    reading = DecoderChoice(format=format, prefix=prefix, part=part, doubtful=True)
    return SourceFile(source_key(path), path, reading, family, one_of_many=True)


def _family_of_name(name: str) -> str | None:
    found = (family for family, pattern in _FAMILIES.items() if pattern.fullmatch(name))
    return next(found, None)


def _sniffed(path: Path, root: Path) -> SourceFile | None:
    """Return a text file as a candidate, by its content; None while it is too short."""
    try:
        found = _first_format(path, tail.look_at(path))
    except (OSError, tail.UnreadableFileError, UnknownFormatError):
        return None
    if found is None or found in _OF_CONTENT:
        return _found(path, _OF_CONTENT[found]) if found else None
    prefix = hydra.job_prefix(path.parent, root)
    log = _found(path, _kind_of(path), format="text", prefix=prefix)
    return replace(log, is_fallback=True)


@lru_cache(maxsize=4096)
def _first_format(path: Path, state: tail.FileState | None) -> str | None:
    """Detect a file's format; cached, so that a file is read again only when it has changed."""
    del state
    with closing(tail.GrowingFile(path)) as file:
        return detect(file.read(0, _SNIFFED_BYTES), path, complete=False)


def is_part(name: str) -> bool:
    """Return True for a directory like `val` or `train_0`, which is a part of a training."""
    return _PARTS.fullmatch(name) is not None


def family_of(path: Path) -> str | None:
    """Return a file's family (`tfevents`, `csv`, `json`, `text`); None: its name is not usual."""
    family = _family_of_name(path.name)
    if family is not None or not _TEXT.fullmatch(path.name):
        return family
    found = _sniffed(path, path.parent)
    if found is None:
        return None
    return "text" if found.is_fallback else found.family


def part_of(path: Path, root: Path) -> str:
    """Return the prefix that separates the metrics of `val_log.csv` or `val/log.csv` from training.

    The root, where the file was found, is not part of the name.
    """
    *directories, _name = path.relative_to(root).parts if path.is_relative_to(root) else ("",)
    found = _NOT_TRAINED.search(path.stem)
    names = [name for name in directories if _NOT_TRAINED.fullmatch(name)]
    part = found[1] if found else names[-1] if names else ""
    return f"{part.lower()}/" if part else ""


def source_key(path: Path) -> str:
    """Return the key of a file's source.

    Transformers writes its history into each checkpoint, and deletes the old ones: they share one.
    """
    if path.name == _TRAINER_STATE and _CHECKPOINT.fullmatch(path.parent.name):
        return key_of(path.parent.parent / _TRAINER_STATE)
    return key_of(path)


def latest(found: Iterable[SourceFile]) -> list[SourceFile]:
    """Return, of the candidates with the same key, the one written last."""
    latest: dict[str, SourceFile] = {}
    for one in found:
        other = latest.get(one.key)
        if other is None or _age(one.path) >= _age(other.path):
            latest[one.key] = one
    return list(latest.values())


def _age(path: Path) -> tuple[int, float]:
    """Return a file's modification time and step: the clock's resolution is limited."""
    state, checkpoint = tail.look_at(path), _CHECKPOINT.fullmatch(path.parent.name)
    return state.modified if state else 0, int(checkpoint[1]) if checkpoint else math.inf


def _files(root: Path) -> Iterator[Path]:
    """Yield the files below a directory, each directory's own files first."""
    entries, top = 0, str(root).count("/")
    for directory, names, files in os.walk(root, onerror=tail.raise_shortage):
        names[:] = searched(directory, names)
        if directory.count("/") - top >= MAX_DEPTH:
            names.clear()
        entries += len(names) + len(files)
        if entries > MAX_ENTRIES:
            return
        yield from (Path(directory, name) for name in sorted(files))


def searched(directory: str, names: Iterable[str]) -> list[str]:
    """Return the names of those directories in a directory that are looked into, sorted."""
    if tracker_runs.WANDB_DIRECTORY.fullmatch(directory.rpartition("/")[2]):
        return []  # only the log itself has metrics
    return sorted(name for name in names if not NOT_LOOKED_INTO.fullmatch(name))


def _events_prefix(directory: Path, stage_dir: Path) -> str:
    """Return the prefix for a directory of event files, which TensorBoard shows as its own run.

    It has one if the directory above has event files too, or if its name is a part of the data.
    """
    fold = _fold_prefix(directory, stage_dir)
    for parent in directory.parents:
        if parent.is_relative_to(stage_dir) and _contains_events(parent):
            return f"{fold}{directory.relative_to(parent).as_posix()}/"
    is_part_of_data = directory != stage_dir and is_part(directory.name)
    return f"{fold}{directory.name}/" if is_part_of_data else fold


def _fold_prefix(directory: Path, stage_dir: Path) -> str:
    """Return the prefix for the directory of one fold, seed, trial, job or the like."""
    parts = directory.relative_to(stage_dir).parts
    return hydra.job_prefix(directory, stage_dir) + "".join(
        f"{part}/" for part in parts if _FOLD.fullmatch(part)
    )


def _contains_events(directory: Path) -> bool:
    try:
        return any(_FAMILIES["tfevents"].fullmatch(path.name) for path in directory.iterdir())
    except OSError as error:
        tail.raise_shortage(error)
        return False
