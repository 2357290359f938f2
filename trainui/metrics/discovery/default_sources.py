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
from itertools import chain
from pathlib import Path

from trainui.metrics import tail, trackers
from trainui.metrics.discovery.file_writers import is_looked_into
from trainui.metrics.formats import DecoderChoice, SourceFile, UnknownFormatError, detect
from trainui.model.headline_metric import HELD_OUT
from trainui.plugin import Format, FoundFile, Group, TrackedRun, Tracker, registry
from trainui.plugin.records import fits
from trainui.plugin.registry import PluginError
from trainui.store.points.point_sources import key_of

MAX_DEPTH = 8
"""Levels of directories searched below the stage's directory."""

MAX_ENTRIES = 5000
"""Directory entries examined: a stage may have unpacked a data set."""

_FAMILIES = {
    "json": re.compile(
        r".*\.jsonl|.*\.log\.json|([\w-]*[_-])?(metrics|progress|history|scalars)\.json|"
        r"(catboost_training|result)\.json"
    ),
    "csv": re.compile(
        r"([\w.-]*[_.-])?"
        r"(progress|metrics|results|history|training|train|val|valid|validation|eval|summary|log|"
        r"monitor|loss)\.[ct]sv"
    ),
}
"""Kinds of files in open formats, by the names that trainers give them; plugins have more."""

_PRECEDENCE = {"json": 10, "csv": 30}
"""As that of plugins' formats: the kind that gives a metric its name has the lowest."""

_TEXT = re.compile(
    r".*\.(log|out|err)(\.\d+)?"
    r"|[\w-]*(log|output|stdout|stderr|train|loss|progress|metrics|results|history)[\w-]*\.txt"
)
"""Files that may be a table, JSON lines or a trainer's log, depending on their first bytes."""

_SNIFFED_BYTES = 4096
"""Bytes by which a file is recognised that no name gives away: some lines."""

_OF_CONTENT = {"jsonl": "json", "csv": "csv"}

_ROTATED = re.compile(r"\.\d+$")

_PARTS = re.compile(
    r"(?:train(?:ing)?|val(?:id(?:ation)?)?|eval|test|learn)[_-]?\d*", re.IGNORECASE
)
"""Names of directories that stand for a part of the data."""

_NOT_TRAINED = re.compile(rf"(?:^|[._-])({HELD_OUT})(?:$|[._-])", re.IGNORECASE)
"""In the names of files with metrics of held-out data."""

_FOLD = re.compile(r"(?:fold|split|seed|trial|member|agent|rank)[_-]?\d+", re.IGNORECASE)
"""Directories of trainings that write the same metrics side by side."""


def candidates(stage_dir: Path, *, since: float = 0) -> list[SourceFile]:
    """Return the default files below a directory, those for people last; `since`: the start."""
    found: list[SourceFile] = []
    printed: list[SourceFile] = []
    databases: list[tuple[Path, list[TrackedRun]]] = []
    for path in _files(stage_dir):
        if trackers.is_named_as_one(path):
            runs = trackers.of_database(path)
            databases.append((path, [run for run in runs if (run.ended or since) >= since]))
        elif (one := candidate(path, stage_dir)) is not None:
            (printed if one.is_fallback else found).append(one)
    found += trackers.sources(databases, since)
    return [*trackers.with_prefixes(latest(found), since), *printed]


def is_usual(path: Path) -> bool:
    """Return True if a file may have metrics, by its name."""
    return (
        _family_of_name(path.name) is not None
        or _TEXT.fullmatch(path.name) is not None
        or trackers.is_named_as_one(path)
        or any(registry.ask(one, one.is_usual, path) for one in registry.records(Format))
    )


def is_for_programs(path: Path) -> bool:
    """Return True if a file has metrics for programs, by its name: no log, and no database."""
    return not is_trackers_own(path.parts) and _family_of_name(path.name) is not None


def is_trackers_own(parts: Sequence[str]) -> bool:
    """Return True for a tracker's own logs, and its copies of the trainer's files."""
    *directories, name = parts
    return any(registry.ask(one, one.owns, directories, name) for one in registry.records(Tracker))


def unread(path: Path) -> Tracker | None:
    """Return the tracker whose files are not read, if a file or a directory is one of its."""
    for one in registry.records(Tracker):
        if one.unread:
            name = path.name if not path.is_dir() else ""
            directories = path.parts[:-1] if name else path.parts
            if registry.ask(one, one.owns, directories, name):
                return one
    return None


def by_kind(named: Iterable[SourceFile]) -> list[SourceFile]:
    """Return named files as if they were found: one curve never mixes two kinds of files."""
    places = _PRECEDENCE | {one.family: one.precedence for one in registry.records(Format)}

    def order(one: SourceFile) -> tuple[int, int]:
        rotated = _ROTATED.search(one.path.name)  # the highest number is the oldest part
        return places.get(one.family or "", 10), -int(rotated[0][1:]) if rotated else 0

    found = [one if one.run else replace(one, family=_kind_of(one.path)) for one in named]
    return sorted(_with_directories(found), key=order)


def _with_directories(named: list[SourceFile]) -> list[SourceFile]:
    """Return named files, those that share a directory with prefixes as if it were searched."""
    for plugin in registry.records(Format):
        mine = [one for one in named if plugin.one_directory and one.family == plugin.family]
        above = {one.path.parent for one in mine}
        tops = [path.parent if is_part(path.name) else path for path in above]
        root = Path(os.path.commonpath(tops)) if tops else Path()
        for one in mine:
            found = registry.ask(plugin, plugin.find, one.path, root) or FoundFile()
            reading = replace(one.reading, prefix=found.prefix, part="")
            named[named.index(one)] = replace(one, reading=reading)
    return named


def _kind_of(path: Path) -> str:
    """Return a file's family; that of a log is its own, which the parts of a rotated log share."""
    table = "csv" if path.suffix in (".csv", ".tsv") else None
    return _family_of_name(path.name) or table or _ROTATED.sub("", str(path))


def usual_files(root: Path) -> Iterator[Path]:
    """Yield the files below a directory that may have metrics, by their names."""
    return filter(is_usual, _files(root))


def candidate(path: Path, stage_dir: Path) -> SourceFile | None:
    """Return a file as a candidate; None if its name is not one of the usual ones."""
    if is_trackers_own(path.parts[len(stage_dir.parts) :]) or unread(path) is not None:
        return None
    for plugin, found in placed(path, stage_dir):
        format = plugin.name if found.is_sure else None
        one = _found(path, found.kind or plugin.family, format=format, prefix=found.prefix)
        return replace(one, is_final=found.is_final)
    family = _family_of_name(path.name)
    if family is None:
        return _sniffed(path, stage_dir) if _TEXT.fullmatch(path.name) else None
    prefix, part = fold_prefix(path.parent, stage_dir), part_of(path, stage_dir)
    return _found(path, family, prefix=prefix, part=part)


def placed(path: Path, root: Path | None) -> Iterator[tuple[Format, FoundFile]]:
    """Yield how plugins read a file because of its place below a root."""
    for plugin in registry.records(Format):
        found = registry.ask(plugin, plugin.find, path, root)
        if found is not None:
            yield plugin, found


def _found(
    path: Path, family: str, *, format: str | None = None, prefix: str = "", part: str = ""
) -> SourceFile:
    """Return a candidate that no stage names."""
    reading = DecoderChoice(format=format, prefix=prefix, part=part, doubtful=True)
    return SourceFile(source_key(path), path, reading, family, one_of_many=True)


def _family_of_name(name: str) -> str | None:
    found = (family for family, pattern in _FAMILIES.items() if pattern.fullmatch(name))
    plugins = (one.family for one in registry.records(Format) if one.fits(name))
    return next(chain(found, plugins), None)


def _sniffed(path: Path, root: Path) -> SourceFile | None:
    """Return a text file as a candidate, by its content; None while it is too short."""
    try:
        found = _first_format(path, tail.look_at(path))
    except (OSError, tail.UnreadableFileError, UnknownFormatError, PluginError):
        return None
    family = _OF_CONTENT.get(found or "") or _family_of_lines(found)
    if found is None or family is not None:
        return _found(path, family) if family else None
    prefix = job_prefix(path.parent, root)
    log = _found(path, _kind_of(path), format="text", prefix=prefix)
    return replace(log, is_fallback=True)


def is_study(path: Path) -> bool:
    """Return True for a file of several trainings: its metrics are those of a tracker's runs."""
    family = family_of(path)
    return any(
        one.is_one_curve and (one.family == family or registry.ask(one, one.is_usual, path))
        for one in registry.records(Format)
    )


def _family_of_lines(format: str | None) -> str | None:
    """Return the kind of a plugin's format that refines JSON lines; None for any other."""
    known = (one for one in registry.records(Format) if one.refines == "jsonl")
    return next((one.family for one in known if one.name == format), None)


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
    """Return the key of a file's source: files that have the same history share one."""
    return key_of(_stands_for(path)[0])


def _stands_for(path: Path) -> tuple[Path, float]:
    """Return the path by which a file's history is known, and the place of the file in it."""
    asked = (registry.ask(one, one.stands_for, path) for one in registry.records(Format))
    return next((one for one in asked if one is not None), (path, math.inf))


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
    state = tail.look_at(path)
    return state.modified if state else 0, _stands_for(path)[1]


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
    own = directory.rpartition("/")[2]
    if any(fits(own, one.leaves) for one in registry.records(Tracker)):
        return []  # only the files at its top have metrics
    return sorted(name for name in names if is_looked_into(name))


def fold_prefix(directory: Path, root: Path) -> str:
    """Return the prefix for the directory of one fold, seed, trial, job or the like."""
    parts = directory.relative_to(root).parts
    return job_prefix(directory, root) + "".join(
        f"{part}/" for part in parts if _FOLD.fullmatch(part)
    )


def job_prefix(directory: Path, root: Path) -> str:
    """Return the prefix for a file of one of many jobs below the root; empty for any other."""
    for place in (directory, *directory.parents):
        if place == root or not place.is_relative_to(root):
            break
        if (found := group_of(place)) is not None:
            return found.prefix
    return ""


def group_of(directory: Path) -> Group | None:
    """Return what a tracker says about a directory that is one job of many; None if it is none."""
    asked = (registry.ask(one, one.grouping, directory) for one in registry.records(Tracker))
    return next((one for one in asked if one is not None), None)
