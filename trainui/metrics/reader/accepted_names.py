"""Decides which of an attempt's metrics are stored, and by what names.

The rule: one curve never mixes two histories. The first one that has a metric gives it its plain
name; in another one it has a label as a prefix, as in `b/loss`. Files that a glob finds, and whose
names differ in a number alone, continue a curve if they begin after its last step, and so do W&B's
logs of one run.

One curve never mixes steps and epochs. Some logs, like those with progress bars, count epochs where
the trainer's files have steps. If a file has a metric that such a log had in an earlier attempt,
the log's points are renamed, as in `stderr/loss`, or deleted if the file has the whole history. A
log's points are also renamed if an earlier attempt's file had the metric, or if this attempt's own
file has it after all.

Files of another kind than the earlier attempts were read from wait for files of that kind, since
both have the same metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from trainui.domain.definition import StageDefinition
from trainui.metrics.discovery import fallback_sources, histories, series_names
from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.formats.text.preset_lines import has_steps
from trainui.store.db.engine import Store
from trainui.store.points import write_points
from trainui.store.points.chunks import Points
from trainui.store.points.source_record import SourceRecord
from trainui.store.points.sweep_sources import of_other_members

_HISTORIES = frozenset({"hf"})
"""Kinds of files that repeat what earlier attempts have measured."""

_FLUSHED_LATE = frozenset({"tfevents", "wandb"})
"""Kinds of files that are written some time after their trainer has printed the same."""


class AcceptedNames:
    """The metrics' names of one attempt."""

    def __init__(self, store: Store, owner: str, attempt: int) -> None:
        """Know no names yet; the owner of the points is the stage."""
        self._store, self._owner, self._attempt = store, owner, attempt
        self.names = series_names.SeriesNames()
        self._waiting: dict[str, float] = {}
        """By key: since when a file waits for another kind."""
        self._of_logs: dict[str, str] = {}
        """The metrics that this attempt's logs have, and their keys."""
        self._last_steps: dict[str, float] = {}
        """The last steps of metrics that may continue in another file."""
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
            self._of_logs |= dict.fromkeys(names, candidate.key)

    def renamed(self, candidate: SourceFile, preset: str | None) -> Callable[[str, float], str]:
        """Return the function from a metric's name in a file to the name that it is stored by.

        It takes the metric's first step in the file too. `preset` reads the file if it is a log.
        """
        if candidate.is_fallback and not has_steps(preset):
            return lambda name, _first: self.names.of_text(name, candidate.key)

        def stored_as(name: str, first: float) -> str:
            if self._is_continued(name, candidate, first):
                self.names.join(name, candidate.key)
            return self.names.stored_as(name, candidate.family, candidate.key)

        return stored_as

    def _is_continued(self, name: str, candidate: SourceFile, first: float) -> bool:
        """Return True if a file continues a metric, which other files that its glob found have."""
        owners, history = self.names.owners(name), histories.history_of(candidate.key)
        if not _may_continue(candidate) or not owners or history in owners:
            return False
        if not all(histories.are_parts(one, history) for one in owners):
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
        if _may_continue(candidate):
            last = found.steps.max().item()
            self._last_steps[name] = max(last, self._last_steps.get(name, last))
        accepted = self.names.accepts(name, candidate.family, candidate.key)
        if accepted and candidate.is_fallback:
            self._of_logs[name] = candidate.key
        elif accepted:
            self.has_files = True
            if (log := self._of_logs.get(name)) is not None:
                self._displace(name, log, is_history=False)
                self.names.hand_over(name, candidate.family, candidate.key)
                del self._of_logs[name]  # now, since the store may have been locked
            if moved := self.names.displaced(name):
                self._displace(*moved, is_history=candidate.family in _HISTORIES)
                del self.names.texts[moved[0]]
        return accepted

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
        return len(families) + (family in _HISTORIES)

    def _displace(self, name: str, key: str, *, is_history: bool) -> None:
        if not is_history and name.startswith(series_names.of_log("", key)):
            return
        with self._store.write() as connection:
            if is_history:
                write_points.drop(connection, self._owner, name)
            else:
                write_points.rename(connection, self._owner, name, series_names.of_log(name, key))

    def wait(self, files: Iterable[SourceFile], stage: StageDefinition) -> float:
        """Return for how many seconds a log that shows metrics waits for files with them."""
        others: Sequence[SourceRecord] = ()
        if stage.search is not None and not self.names.had_files:
            with self._store.read() as connection:
                metric = stage.search.metric
                others = of_other_members(connection, self._owner, stage.group, metric)
        if self.names.had_files or any(one.format != "text" for one in others):
            return fallback_sources.WAIT_FOR_FILES
        if others:
            return 0
        is_late = any(one.family in _FLUSHED_LATE for one in files)
        return fallback_sources.WAIT_FOR_FLUSH if is_late else fallback_sources.WAIT


def _may_continue(candidate: SourceFile) -> bool:
    is_part = candidate.family == "wandb" or (candidate.named and candidate.one_of_many)
    return is_part and not candidate.reading.continues
