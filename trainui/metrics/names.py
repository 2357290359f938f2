"""Names of metrics: which of an attempt's sources gives a metric its name, and what waits for what.

The rules, all of them here:

1. A training that writes the same numbers into several files gets one series for them. The kind of
   file that has the metric first has it; other kinds' spellings of the name are the same metric.
   Those spellings are fixed here: the result never depends on which plugins are loaded.
2. A later attempt continues a series by the name that it has, whichever file it is from. Files of
   another kind than the earlier attempts were read from wait for files of that kind.
3. One curve never mixes two histories, i.e. files that do not continue each other. The first one
   that has a metric gives it its plain name; in another one it has a label as a prefix, as in
   `b/loss`. Files that a glob finds, and whose names differ in a number alone, continue a curve if
   they begin after its last step, and so do files whose format says so.
4. Files of one kind that trainings write side by side, like `version_0` and `version_1`: the first
   has no prefix, another one that is written in the same attempt has its directory's name, or its
   own.
5. One curve never mixes steps and epochs. Some logs, like those with progress bars, count epochs
   where the trainer's files have steps. If a file has a metric that such a log had in an earlier
   attempt, the log's points are renamed, as in `stderr/loss`, or deleted if the file has the whole
   history. A log's points are also renamed if an earlier attempt's file had the metric.
6. A file hides a printed metric only where it has that very metric: the same name and part of the
   data, however they are spelled (`Loss/train` and `train loss`). If the file has it later, the
   points that this attempt's log had are deleted.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, takewhile
from pathlib import Path

from trainui.metrics import lenient
from trainui.metrics.discovery import fallback_sources
from trainui.metrics.formats import SourceFile
from trainui.metrics.formats.text.text_lines import has_steps
from trainui.model.definition import StageDefinition
from trainui.model.headline_metric import words_of
from trainui.plugin import Format, registry
from trainui.store.db.engine import Database
from trainui.store.points import write_points
from trainui.store.points.chunks import Points
from trainui.store.points.point_sources import SourceRecord
from trainui.store.points.write_points import of_other_members

MAX_SERIES = 2000
"""Metrics of one attempt: a file with a new name in each line does not contain metrics."""

_OWN = re.compile(r"(.*/\.trainui/(?:.*/)?attempt)-\d+(/[^/#]+)(?:#.*)?")
"""Files that trainui makes for each attempt; one may be read by several patterns."""
_ROTATED = re.compile(r"\.\d[\d-]*$")
_NUMBER = re.compile(r"\d+")


@lru_cache(4096)
def history_of(key: str) -> str:
    """Return what the keys of the sources of one history share."""
    for plugin in registry.records(Format):
        if (known := registry.ask(plugin, plugin.history, key)) is not None:
            return str(known)
    found = _OWN.fullmatch(key)
    return "".join(found.groups()) if found else _ROTATED.sub("", key)


def are_parts(one: str, other: str) -> bool:
    """Return True if two histories are parts of one: their format says so, or their names do.

    Such names differ in their numbers alone.
    """
    for plugin in registry.records(Format):
        if (known := registry.ask(plugin, plugin.are_parts, one, other)) is not None:
            return bool(known)
    return _NUMBER.sub("#", one) == _NUMBER.sub("#", other)


def labels(history: str, other: str) -> Iterator[str]:
    """Yield the labels that distinguish a history from another one, the shortest first."""
    path, beside = Path(history), Path(other)
    if known := _known_labels(history):
        yield from known
    elif _stem(history) != _stem(other):
        yield _stem(history)
    common = os.path.commonpath((path.parent, beside.parent))
    below = path.parent.relative_to(common).parts
    yield from ("/".join(below[:count]) for count in range(1, len(below) + 1))
    yield "/".join((*below, path.name))


def is_label(text: str, history: str) -> bool:
    """Return True if a text may be the label of a history."""
    if (known := _known_labels(history)) and text.startswith(known[0]):
        return True
    return {*Path(history).parts, _stem(history)}.issuperset(text.split("/"))


def _known_labels(history: str) -> Sequence[str]:
    """Return the labels that a history's format gives it; empty if it gives none."""
    asked = (registry.ask(one, one.label, history) for one in registry.records(Format))
    return next((one for one in asked if one is not None), ())


def _stem(history: str) -> str:
    """Return the name of a directory, a tracker's run, or a file up to its first dot."""
    name = Path(history).name
    file, _mark, run = name.rpartition("#")
    return run if file else name if history.endswith("/") else name.partition(".")[0]


_SAME = (
    (re.compile(r"train/epoch_(.+)"), r"\1"),
    (re.compile(r"validation/epoch_(.+)"), r"val_\1"),
)
"""Other names of Keras for the same numbers, in its event files."""


_PART_LAST = re.compile(r"([^/]+)/(train|val|valid|validation|test|eval)", re.IGNORECASE)
"""`Loss/train` in event files is `train_loss` or `loss` in tables and JSON lines."""


@lru_cache(MAX_SERIES)
def _plain(name: str) -> str:
    """Return a metric's name in the spelling that all kinds of files share."""
    for pattern, plain in _SAME:
        if found := pattern.fullmatch(name):
            return found.expand(plain)
    return name


def _spellings(name: str) -> Iterable[str]:
    """Return the names that other kinds of files use: `eval/loss` is `eval_loss` in some."""
    plain = _plain(name)
    yield plain
    if "(" in plain:
        yield plain.replace("(", "").replace(")", "")  # some allow no parentheses
    if "/" in plain:
        yield plain.replace("/", "_")
        yield plain.removeprefix("train/")
    if found := _PART_LAST.fullmatch(plain):
        name, part = found[1].lower(), found[2].lower()
        yield f"{part}_{name}"
        if part == "train":
            yield name


_OPEN = {"json": "json", "jsonl": "json", "csv": "csv"}
"""The kinds of files in open formats, by the formats that they have."""


def _kind(family: str | None) -> Format | None:
    """Return the plugin's format of which a kind of files is; None for an open format."""
    return next((one for one in registry.records(Format) if one.family == family), None)


def _family_of(format: str | None) -> str | None:
    """Return the kind of the files of a format; None if all of its files say different things."""
    plugins = (one for one in registry.records(Format) if one.name == format)
    known = next((one.family for one in plugins if not one.is_one_curve), None)
    return _OPEN.get(format or "", known)


def _is_known(family: str | None) -> bool:
    """Return True for a kind of files that was found by its name or content."""
    plugin = _kind(family)
    return family in _OPEN.values() or (plugin is not None and not plugin.is_one_curve)


def _is_apart(family: str | None) -> bool:
    """Return True for a kind of files of which the same name in two histories is two metrics."""
    return family is None or _is_known(family)


def of_log(name: str, key: str) -> str:
    """Return a metric's name with its log's name as a prefix, like `stdout/loss`."""
    return f"{key.rpartition('/')[2].partition('.')[0]}/{name}"


def _without_log(name: str, key: str) -> str:
    """Return a metric's name without its log's name."""
    return name.removeprefix(of_log("", key))


class SeriesNames:
    """The metrics of an attempt, each with the kind of file where it was first found."""

    def __init__(self) -> None:
        self._owners: dict[str, dict[str, None]] = {}
        """The metrics, and the histories that they are read from, the first one first."""
        self._before: dict[str, set[str]] = {}
        """By history: the names of its metrics in earlier attempts."""
        self._families: dict[str, str | None] = {}
        """By spelling: the kind of file that has the metric."""
        self._earlier: dict[str, tuple[str, str]] = {}
        """By spelling: the kind of file that had the metric in earlier attempts, and its name."""
        self.earlier_families: dict[str, None] = {}
        """The kinds of files that earlier attempts were read from, the first one first."""
        self.texts: dict[str, str] = {}
        """Metrics that only logs that count epochs had in earlier attempts, and their keys."""

    def awaited(self, family: str | None) -> bool:
        """Return True if a kind of file that comes before this, in earlier attempts, is missing."""
        if not _is_known(family):
            return False
        before = takewhile(lambda one: one != family, self.earlier_families)
        return not {*before} <= {*self._families.values()}

    @property
    def had_files(self) -> bool:
        """Return True if an earlier attempt had metrics in files for programs."""
        return bool(self._earlier)

    def remember(self, source: SourceRecord, names: Collection[str]) -> None:
        """Register metrics that earlier attempts had in a source."""
        self._before.setdefault(history_of(source.key), set()).update(names)
        if source.format == "text" and not has_steps(source.state):
            self.texts |= dict.fromkeys(names, source.key)
        if (family := _family_of(source.format)) is not None:
            for name in names:
                self.earlier_families[family] = None
                self._earlier[name] = family, name
                for spelling in _spellings(name):
                    self._earlier.setdefault(spelling, (family, name))

    def stored_as(self, name: str, family: str | None, key: str) -> str:
        """Return the name by which a metric of a file is stored.

        It has a label as a prefix if another history of this kind has the metric too.
        """
        name, history = self._known_as(name, family), history_of(key)
        if not _is_apart(family):
            return name
        owners, before = self._owners.get(name, {}), self._before.get(history, set())
        if not owners:
            # the plain name first: a metric's own name may look like one with a label
            return name if name in before else next(self._labelled_before(name, history), name)
        kind = self._families[_plain(name)]
        if history in owners or not _is_apart(kind) or family not in (None, kind):
            return name
        others = labels(history, next(iter(owners)))
        new = (f"{label}/{name}" for label in others if not name.startswith(f"{label}/"))
        found = chain(self._labelled_before(name, history), new)
        return next((one for one in found if self._is_free(one, history)), f"{history}/{name}")

    def _labelled_before(self, name: str, history: str) -> Iterator[str]:
        """Yield the names with a label that a metric may have had in earlier attempts."""
        for one in sorted(self._before.get(history, set())):
            label = one.removesuffix(f"/{name}")
            if label != one and is_label(label, history) and self._is_free(one, history):
                yield one

    def _is_free(self, name: str, history: str) -> bool:
        return history in self._owners.get(name, {history: None})

    def owners(self, name: str) -> Collection[str]:
        """Return the histories that a metric is read from."""
        return self._owners.get(name, {}).keys()

    def join(self, name: str, key: str) -> None:
        """Register that a metric continues in another history."""
        self._owners[name][history_of(key)] = None

    def _known_as(self, name: str, family: str | None) -> str:
        """Return the name that a metric had in earlier attempts, from another kind of file."""
        if not _is_known(family) or name in self._earlier.get(name, ()):
            return name
        found = (self._earlier[one] for one in _spellings(name) if one in self._earlier)
        return next((earlier for of, earlier in found if of != family), name)

    def of_text(self, name: str, key: str) -> str:
        """Return the name by which a metric of a log that counts epochs is stored.

        It has the log's name as a prefix if an earlier attempt had the metric in a file: one curve
        never mixes steps and epochs.
        """
        known = any(one in self._earlier for one in _spellings(name))
        return of_log(name, key) if known else name

    def displaced(self, name: str) -> tuple[str, str] | None:
        """Return a metric that an earlier attempt's log had, and that log, if a file has it now."""
        if not self.texts:
            return None
        names = set(_spellings(name))
        for one, key in self.texts.items():
            if not names.isdisjoint(_spellings(_without_log(one, key))):
                return one, key
        return None

    def claim(self, names: Iterable[str], family: str | None, key: str = "") -> None:
        """Register metrics that are already stored."""
        for name in names:
            self._owners.setdefault(name, {})[history_of(key)] = None
            for spelling in _spellings(name):
                self._families.setdefault(spelling, family)

    def release(self, name: str) -> None:
        """Register that a metric is read from no file any more."""
        kind = self._families[_plain(name)]
        del self._owners[name]
        others = {spelling for one in self._owners for spelling in _spellings(one)}
        for spelling in _spellings(name):
            if self._families.get(spelling) == kind and spelling not in others:
                del self._families[spelling]

    def accepts(self, name: str, family: str | None, key: str = "") -> bool:
        """Return True if a metric is read from a file, whose kind is None if it is named."""
        if name not in self._owners:
            known = [self._families[one] for one in _spellings(name) if one in self._families]
            if self.is_full or (family is not None and known and known[0] != family):
                return False
            self.claim([name], family, key)
        kind = self._families[_plain(name)]
        if family not in (None, kind):
            return False
        return not _is_apart(kind) or history_of(key) in self._owners[name]

    @property
    def is_full(self) -> bool:
        """Return True if metrics were left out because there were too many."""
        return len(self._owners) >= MAX_SERIES


class AcceptedNames:
    """The metrics' names of one attempt."""

    def __init__(
        self, store: Database, owner: str, attempt: int, sought: str | None = None
    ) -> None:
        """Know no names yet; the owner of the points is the stage.

        A log keeps the metric that is `sought` by a search, unless the attempt's own file or a
        named one has it.
        """
        self._store, self._owner, self._attempt, self._sought = store, owner, attempt, sought
        self.names = SeriesNames()
        self._waiting: dict[str, float] = {}
        """By key: since when a file waits for another kind."""
        self._of_logs: dict[tuple[str, ...], dict[str, str]] = {}
        """By words: the metrics that this attempt's logs have, each with its log's key."""
        self._of_files: set[tuple[str, ...]] = set()
        """The words of the metrics that this attempt's files have."""
        self._last_steps: dict[str, float] = {}
        """The last steps of metrics that may continue in another file."""
        self._may_continue: dict[str, bool] = {}
        """By key: the file may continue metrics of others."""
        self.has_files = False
        """True once a source other than a fallback has produced a metric."""

    def remember(self, known: Iterable[SourceRecord], earlier: Mapping[int, set[str]]) -> None:
        """Register the metrics of earlier attempts, by their sources' ids."""
        for one in known:
            self.names.remember(one, earlier.get(one.id, set()))

    def claim(self, stored: Iterable[str], candidate: SourceFile) -> None:
        """Register metrics of a file that are stored already."""
        names = list(stored)
        self.names.claim(names, candidate.family, candidate.key)
        self.has_files |= bool(names) and not candidate.is_fallback
        if candidate.is_fallback:
            for name in names:
                words = words_of(_without_log(name, candidate.key))
                self._of_logs.setdefault(words, {})[name] = candidate.key
        else:
            self._of_files.update(map(words_of, names))

    def renamed(self, candidate: SourceFile, *, has_steps: bool) -> Callable[[str, float], str]:
        """Return the function from a metric's name in a file to the name that it is stored by.

        It takes the metric's first step in the file too. A log may have epochs in place of steps.
        """
        if candidate.is_fallback and not has_steps:
            return lambda name, _first: self.names.of_text(name, candidate.key)

        def stored_as(name: str, first: float) -> str:
            if self._is_continued(name, candidate, first):
                self.names.join(name, candidate.key)
            return self.names.stored_as(name, candidate.family, candidate.key)

        return stored_as

    def _is_continued(self, name: str, candidate: SourceFile, first: float) -> bool:
        """Return True if a file continues a metric, which other files that its glob found have."""
        owners, history = self.names.owners(name), history_of(candidate.key)
        if not _may_continue(candidate) or not owners or history in owners:
            return False
        if not all(are_parts(one, history) for one in owners):
            return False
        if name not in self._last_steps:
            with self._store.read() as connection:
                last = write_points.last_step(connection, self._owner, name, attempt=self._attempt)
            self._last_steps[name] = last
        return self._last_steps[name] < first

    def next_step(self) -> float:
        """Return the step from which a file continues that begins again at each attempt."""
        with self._store.read() as connection:
            return write_points.next_step(connection, self._owner, attempt=self._attempt)

    def accepts(self, name: str, candidate: SourceFile, found: Points) -> bool:
        """Return True if a metric is read from a file, in which some of its points were found."""
        if candidate.key not in self._may_continue:
            self._may_continue[candidate.key] = _may_continue(candidate)
        if self._may_continue[candidate.key]:
            last = found.steps.max().item()
            self._last_steps[name] = max(last, self._last_steps.get(name, last))
        words = words_of(name)
        if candidate.is_fallback:
            words = words_of(_without_log(name, candidate.key))
            if words in self._of_files:
                return False
        else:
            self._hide_in_logs(words, candidate)
        accepted = self.names.accepts(name, candidate.family, candidate.key)
        if accepted and candidate.is_fallback:
            self._of_logs.setdefault(words, {})[name] = candidate.key
        elif accepted:
            self.has_files = True
            self._of_files.add(words)
            if moved := self.names.displaced(name):
                self._displace(*moved, is_history=_repeats(candidate))
                del self.names.texts[moved[0]]
        return accepted

    def _hide_in_logs(self, words: tuple[str, ...], candidate: SourceFile) -> None:
        """Drop the points of a file's metric that logs have, under any of its spellings."""
        of_logs = self._of_logs.get(words, {})
        for name, key in [*of_logs.items()]:
            if candidate.named or candidate.family is None or name != self._sought:
                with self._store.write() as connection:
                    write_points.drop(connection, self._owner, name, key=key)
                self.names.release(name)
                del of_logs[name]  # now, since the store may have been locked

    def deny(self, stored: Iterable[str], key: str) -> None:
        """Drop the points of series of which a log has shown that they are none."""
        for name in stored:
            with self._store.write() as connection:
                write_points.drop(connection, self._owner, name, key=key)

    def waits(self, candidate: SourceFile) -> bool:
        """Return True for a file that waits for the kind that earlier attempts were read from."""
        if candidate.named or not self.names.awaited(candidate.family):
            return False
        since = self._waiting.setdefault(candidate.key, time.monotonic())
        return time.monotonic() - since < fallback_sources.WAIT_FOR_FLUSH

    def place(self, candidate: SourceFile) -> int:
        """Return the place of a file: kinds that earlier attempts were read from come first.

        Histories come last: they are as old as the last checkpoint.
        """
        families, family = list(self.names.earlier_families), candidate.family
        if family in families:
            return families.index(family)
        return len(families) + _repeats(candidate)

    def _displace(self, name: str, key: str, *, is_history: bool) -> None:
        if not is_history and name.startswith(of_log("", key)):
            return
        with self._store.write() as connection:
            if is_history:
                write_points.drop(connection, self._owner, name)
            else:
                write_points.rename(connection, self._owner, name, of_log(name, key))

    def wait(self, files: Iterable[SourceFile], stage: StageDefinition) -> float:
        """Return for how many seconds a log that shows metrics waits for files with them."""
        if self.has_files:
            return fallback_sources.WAIT
        others: Sequence[SourceRecord] = ()
        if stage.search is not None and not self.names.had_files:
            with self._store.read() as connection:
                metric = stage.search.metric
                others = of_other_members(connection, self._owner, stage.group, metric)
        if self.names.had_files or any(one.format != "text" for one in others):
            return fallback_sources.WAIT_FOR_FILES
        if others:
            return 0
        is_late = any((kind := _kind(one.family)) and kind.flushed_late for one in files)
        return fallback_sources.WAIT_FOR_FLUSH if is_late else fallback_sources.WAIT


def _may_continue(candidate: SourceFile) -> bool:
    kind = _kind(candidate.family)
    is_part = (kind and kind.may_continue) or (candidate.named and candidate.one_of_many)
    return bool(is_part) and not candidate.reading.continues


def _repeats(candidate: SourceFile) -> bool:
    """Return True for a file that repeats what earlier attempts have measured."""
    kind = _kind(candidate.family)
    return kind is not None and kind.repeats_history


def first_bytes(candidate: SourceFile) -> bytes:
    """Return what new files of one kind are sorted by before they are read."""
    kind = _kind(candidate.family)
    return b"" if kind is None else registry.ask(kind, kind.order, candidate.path) or b""


_RANK = re.compile(r"(?<!\d)\d{1,3}(?!\d)")
"""A number that distinguishes ranks or folds; a longer one is a time or a process."""


def apart(one: SourceFile, others: Iterable[SourceFile], since: float) -> SourceFile:
    """Return a file with a prefix if files of its kind are read already.

    Files that were written last before the attempt started do not count.
    """
    kind = _kind(one.family)
    is_alone = one.family in _OPEN.values() or (kind is not None and kind.one_per_training)
    if not is_alone or one.named:
        return one
    for other in others:
        if _is_alike(one, other) and lenient.modified(other.path) >= since:
            prefix = f"{one.reading.prefix}{_label(one.path, other.path)}/"
            return replace(one, reading=replace(one.reading, prefix=prefix))
    return one


def _is_alike(one: SourceFile, other: SourceFile) -> bool:
    """Return True if two files would have the same names, and are not of one history."""
    mine, its = one.reading, other.reading
    if one.key == other.key or one.family != other.family or other.named:
        return False
    if (mine.prefix, mine.part) != (its.prefix, its.part):
        return False
    kind = _kind(one.family)
    in_directory = kind is not None and kind.one_directory
    is_numbered = _RANK.sub("#", one.path.name) == _RANK.sub("#", other.path.name)
    if one.path.parent != other.path.parent:
        return in_directory or is_numbered
    return is_numbered and one.path.name != other.path.name and not in_directory


def _label(path: Path, other: Path) -> str:
    """Return what distinguishes two files: the directory below their common one, or the name."""
    if path.parent == other.parent:
        return path.name.partition(".")[0]
    common = os.path.commonpath((path.parent, other.parent))
    below = path.parent.relative_to(common).parts
    return below[0] if below else path.parent.name
