"""Finds the files with an attempt's metrics: the sources that its stage names, else the defaults.

The attempt's own `$TRAINUI_METRICS_FILE` is always one of them.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property, partial
from pathlib import Path

from trainui import formatting, system
from trainui.metrics import lenient, trackers
from trainui.metrics.discovery import default_sources, outside_sources
from trainui.metrics.formats import (
    HEAD_BYTES,
    DecoderChoice,
    SourceFile,
    UnknownFormatError,
    detect,
)
from trainui.metrics.formats.text.pattern import PatternError, compile_pattern
from trainui.metrics.tail import check_descriptors, look_at
from trainui.model.definition import MetricSource, StageDefinition
from trainui.pipeline.field_names import is_preset
from trainui.plugin import Tracker
from trainui.plugin.registry import PluginError
from trainui.record import dataclass
from trainui.store import shell_environment
from trainui.store.points.point_sources import key_of
from trainui.supervisor import protocol

MAX_FILES = 500
"""Files read for one attempt."""

_COUNTED_BYTES = 8 << 20
"""Bytes of a stream whose lines are counted."""

_SHOWN = 3
"""Files that are named."""

_STREAMS = {"stdout": protocol.STDOUT_FILE, "stderr": protocol.STDERR_FILE}


@dataclass(frozen=True)
class SearchDirectories:
    """The directories and logs where an attempt's files are searched; all paths are absolute."""

    attempt_dir: Path
    stage_dir: Path
    workdir: Path

    @cached_property
    def own(self) -> SourceFile:
        """The attempt's `$TRAINUI_METRICS_FILE`."""
        path = self.attempt_dir / protocol.METRICS_FILE
        return SourceFile(key_of(path), path, DecoderChoice(format="jsonl"))

    @cached_property
    def streams(self) -> tuple[SourceFile, ...]:
        """Its standard output and error."""
        paths = {name: self.attempt_dir / file for name, file in _STREAMS.items()}
        reading = DecoderChoice(format="text", doubtful=True)
        return tuple(
            SourceFile(f"{key_of(path)}#found", path, reading, name, is_fallback=True)
            for name, path in paths.items()
        )

    def environment(self, definition: StageDefinition) -> Mapping[str, str]:
        """Return the attempt's variables: the stage's own and those of the submitting shell."""
        shell = shell_environment.read_or_empty(self.attempt_dir.parents[2])
        return {**shell.environ, **definition.env}

    def started(self) -> float | None:
        """Return when the attempt started, in seconds since 1970; None if it has not."""
        return lenient.modified(self.attempt_dir / protocol.STARTED_FILE) or None


@dataclass(slots=True)
class SourceListing:
    """The sources found now."""

    candidates: list[SourceFile] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    """By key: why a source cannot be read."""
    missing: dict[str, str] = field(default_factory=dict)
    """By key: sources that do not exist yet; a problem once the attempt has ended."""


def find(place: SearchDirectories, definition: StageDefinition) -> SourceListing:
    """Return the sources of an attempt's metrics, or raise ShortageError."""
    found = SourceListing([place.own])
    if definition.metrics is None:
        since = place.started() or 0
        found.candidates += default_sources.candidates(place.stage_dir, since=since)
        found.candidates += place.streams
    for source in definition.metrics or ():
        if source.stream is not None:
            _add_stream(found, place, source)
        elif source.path is not None:
            _add_files(found, place, source, alone=len(definition.metrics or ()) == 1)
    found.candidates = found.candidates[:MAX_FILES]
    return found


def is_silent(place: SearchDirectories, definition: StageDefinition) -> bool:
    """Return True if an attempt that has ended left nothing that could contain metrics.

    False if its stage names its sources, since their absence must be reported.

    Raises:
        ShortageError: it cannot be determined.
    """
    if definition.metrics or any(_is_nonempty(one.path) for one in (place.own, *place.streams)):
        return False
    found = find(place, definition).candidates
    check_descriptors()
    if any(_is_nonempty(one.path) for one in found):
        return False
    since, environment = place.started(), place.environment(definition)
    return since is None or not outside_sources.is_any_written(place.workdir, environment, since)


def _is_nonempty(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError:
        return True  # the reader reports what is wrong


def _add_stream(found: SourceListing, place: SearchDirectories, source: MetricSource) -> None:
    path = place.attempt_dir / _STREAMS[source.stream or "stdout"]
    pattern = source.pattern or ""
    digest = hashlib.sha256(f"{source.step}\0{pattern}".encode()).hexdigest()[:12]
    key = f"{key_of(path)}#{digest}"
    reading = DecoderChoice(step=source.step, continues=source.restarts is not None)
    try:
        if is_preset(pattern):
            reading = replace(reading, preset=pattern)
        else:
            reading = replace(reading, pattern=compile_pattern(pattern))
    except PatternError as error:
        found.problems[key] = str(error)
    else:
        found.candidates.append(SourceFile(key, path, reading, named=True))


def _add_files(
    found: SourceListing, place: SearchDirectories, source: MetricSource, *, alone: bool
) -> None:
    pattern = os.path.expanduser(source.path or "")  # noqa: PTH111 (a pattern is no path)
    if (tracked := trackers.named(pattern)) is not None:
        found.candidates.append(tracked)
        return
    reading = DecoderChoice(
        format=source.format, step=source.step, continues=source.restarts is not None
    )
    for root in dict.fromkeys((place.stage_dir, place.workdir)):
        paths = list(_matches(pattern, root))
        if any(trackers.may_be_database(path, source.format) for path in paths):
            _add_runs(found, place, paths, pattern)
            return
        if paths:
            many = _is_glob(pattern, root)
            files = [
                SourceFile(
                    default_sources.source_key(path),
                    path,
                    reading,
                    named=True,
                    ours=path.is_relative_to(place.stage_dir),
                    one_of_many=many,
                )
                for path in paths
            ]
            beside = None if alone and not many else root
            latest = default_sources.latest(files)
            found.candidates += [_beside_others(one, beside) for one in latest]
            return
    roots = dict.fromkeys(map(str, (place.stage_dir, place.workdir)))
    where = "" if Path(pattern).is_absolute() else f" in {' or '.join(roots)}"
    found.missing[pattern] = f"no file matches {pattern}{where}; check the stage's metrics"


def _add_runs(
    found: SourceListing, place: SearchDirectories, paths: Sequence[Path], pattern: str
) -> None:
    """Add the runs of trackers' databases that the attempt has started."""
    since = place.started() or 0
    for path in paths:
        runs = trackers.of_database(path)
        printed = trackers.printed_by(place.attempt_dir)
        divided = trackers.divide(path, runs, since, printed, ())
        if divided is not None:
            own, _doubtful = divided
        else:
            is_of = partial(trackers.is_of, attempt_dir=place.attempt_dir, since=since)
            own = [run for run in runs if is_of(run, alone=True)]
        found.candidates += trackers.sources([(path, own)], since)
    if not any(one.run for one in found.candidates):
        found.missing[pattern] = (
            f"{pattern} has no run of {_known_trackers()} that this attempt has started; "
            "check the stage's metrics"
        )


def _known_trackers() -> str:
    *others, last = [tracker.label for tracker in trackers.with_databases()] or ["a tracker"]
    return f"{', '.join(others)} or {last}" if others else last


def _beside_others(one: SourceFile, root: Path | None) -> SourceFile:
    """Return a file with a prefix that keeps its metrics' names distinct from other files'.

    All were found in the directory `root`; without one, there are no others.
    """
    for plugin, found in default_sources.placed(one.path, None):
        if found.also_if_named:
            return replace(one, reading=replace(one.reading, prefix=found.prefix))
        is_table = found.is_sure and not found.is_final and not one.reading.format
        if root and is_table and one.one_of_many:
            return replace(one, reading=replace(one.reading, format=plugin.name))
    if root is None:
        return one
    return replace(one, reading=replace(one.reading, part=default_sources.part_of(one.path, root)))


def _matches(pattern: str, root: Path) -> Iterator[Path]:
    if not _is_glob(pattern, root):
        literal = root / pattern
        return iter((literal,) if os.path.lexists(literal) else ())
    found = glob.iglob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 (no hidden names)
    # A directory that a pattern happens to match is ignored; one that is named is an error.
    files = {path: path.resolve() for name in found if (path := root / name).is_file()}
    by_file: dict[Path, Path] = {}
    for path in sorted(files, key=lambda one: one.parts[-2:] != files[one].parts[-2:]):
        by_file.setdefault(files[path], path)  # W&B has a link, `latest-run`, to a directory
    return iter(sorted(by_file.values(), key=lambda one: (len(one.parts), one)))


def _is_glob(pattern: str, root: Path) -> bool:
    return glob.has_magic(pattern) and not os.path.lexists(root / pattern)


def searched_places(attempt_dir: Path, stage_dir: Path, definition: StageDefinition) -> str:
    """Return where metrics were searched for, and what to do."""
    if definition.metrics:
        named = ", ".join(one.path or one.stream or "" for one in definition.metrics)
        return f"looked at {named}, as its `metrics` say"
    streams = (protocol.STDOUT_FILE, protocol.STDERR_FILE)
    places = [f"{name} ({_size(attempt_dir / name)})" for name in streams]
    files = [_file(one) for one in default_sources.usual_files(stage_dir)]
    workdir = Path(definition.workdir)
    names, unread = _written(workdir, attempt_dir)
    if unread is not None:
        return (
            f"looked at {', '.join(places + files)}; its other files are {unread.label}'s, which "
            f"are not read: {unread.unread}"
        )
    if written := formatting.listed(names, _SHOWN):
        return (
            f"looked at {', '.join(places + files)}; {written} in {workdir} has none or may be "
            "another run's: list this stage's file in `metrics`, or give each run its own `workdir`"
        )
    places += files or [f"the files written in {workdir}, none with a usual name"]
    return (
        f"looked at {', '.join(places)}; print lines like `step 10 loss 0.5`, write JSON lines "
        "to $TRAINUI_METRICS_FILE, or list a file in `metrics`"
    )


def _written(workdir: Path, attempt_dir: Path) -> tuple[list[str], Tracker | None]:
    """Return names of files with usual names that were written since an attempt started.

    Those of a tracker whose files are not read are left out, and the tracker is returned.
    """
    found, since = outside_sources.listing_of(workdir), look_at(attempt_dir / protocol.STARTED_FILE)
    found.walk()
    new = [
        path
        for path, state in sorted(found.states.items())
        if since is not None and state.modified >= since.modified
    ]
    changed = [
        one
        for one in found.directories
        if since is not None
        and (status := system.look(one)) is not None
        and status.st_mtime_ns >= since.modified
    ]
    of_trackers = {
        path: tracker
        for path in (*new, *changed, *protocol.written_files(attempt_dir))
        if (tracker := default_sources.unread(path)) is not None
    }
    names = [str(path.relative_to(workdir)) for path in new if path not in of_trackers]
    return names, next(iter(of_trackers.values()), None)


def _size(stream: Path) -> str:
    try:
        with system.open_plain(stream) as file:
            count = file.read(_COUNTED_BYTES).count(b"\n")
    except OSError:
        return "missing"
    return f"{count:,} line{'s' * (count > 1)}" if count else "empty"


def _file(path: Path) -> str:
    """Return a file's name, and why it cannot be read: `train.log (is written in UTF-16; ...)`."""
    try:
        detect(lenient.head(path, HEAD_BYTES), path, complete=True)
    except (UnknownFormatError, PluginError) as error:
        return f"{path.name} ({str(error).removeprefix(f'{path} ')})"
    return path.name
