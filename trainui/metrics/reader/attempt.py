"""Reads the metric sources of one attempt: tails its files, and reads them to their end.

A source that cannot be read does not stop the others; its problem is stored as a message.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from trainui import formatting
from trainui.errors import TrainuiError, UnfitEnvironmentError
from trainui.metrics import lenient, names
from trainui.metrics.alerts import AttemptAlerts
from trainui.metrics.discovery import fallback_sources
from trainui.metrics.discovery.fallback_sources import FallbackSources, of_single_values
from trainui.metrics.discovery.outside_sources import SearchRound
from trainui.metrics.formats import SourceFile
from trainui.metrics.formats.text.pattern import PatternError
from trainui.metrics.formats.text.text_lines import carried_over, denied, has_steps, unread
from trainui.metrics.new_best import KnownBests, NewBestWatch
from trainui.metrics.reader import attempt_files
from trainui.metrics.reader.attempt_files import AttemptFiles
from trainui.metrics.reader.source import (
    Advance,
    BatchWriter,
    DatabaseReader,
    EndOfFile,
    ReadOptions,
    SourceReader,
)
from trainui.metrics.tail import GrowingFile, OpenFiles, UnreadableFileError
from trainui.plugin import Format, Tracker, registry
from trainui.plugin.registry import PluginError
from trainui.store import shell_environment
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources as point_sources
from trainui.store.points import write_points
from trainui.store.points.chunks import Points
from trainui.store.points.point_sources import Identity, SourceProblems, SourceRecord
from trainui.store.runs.metrics_progress import AttemptToRead, mark_metrics_complete

log = logging.getLogger(__name__)

TEXT_BACKLOG = 16 << 20
"""Bytes of a fallback source that are still read after its attempt has ended. The stage stays
`running` until they are read, which takes 10 to 20 seconds."""

_UNREAD = 5
"""Lines that look like metrics and are not read, from which on this is said while more may come;
again when there are twice as many, and at the end."""


class Shared:
    """What the readers of all attempts share."""

    def __init__(self, store: Database) -> None:
        # loaded now, since a search for files is paced by the time that it takes
        for kind in (Format, Tracker):
            registry.preload(kind)
        self.writer = BatchWriter(store)
        self.files = OpenFiles()
        self.search_round = SearchRound()
        self.bests = KnownBests(store)


class AttemptReader:
    """Reads one attempt's metrics."""

    def __init__(
        self, store: Database, attempt: AttemptToRead, shared: Shared | None = None
    ) -> None:
        """Create the reader; without `shared`, it shares nothing with other attempts' readers."""
        self._shared = shared or Shared(store)
        self.attempt = attempt
        self._store = store
        self._readers: dict[str, SourceReader] = {}
        self._candidates: dict[str, SourceFile] = {}
        self.directories = {Path(attempt.attempt_dir), Path(attempt.stage_dir)}
        """The directories to watch for changes."""
        self._paused: set[str] = set()
        """Keys of sources that could not be read; they are retried at the next scan."""
        self._abandoned: set[str] = set()
        self._problems = SourceProblems(store, attempt)
        self.files = AttemptFiles(store, attempt, self._shared.search_round, self._problems)
        self._alerts = AttemptAlerts(store, attempt)
        self._best = NewBestWatch(store, attempt, self._shared.bests)
        self._unread: dict[str, int] = {}
        """By key: how many lines of a text were said to be not read."""
        self._config_due = False
        """True if files came whose configuration is not recorded yet."""
        search = attempt.definition.search
        sought = search.metric if search else None
        self._fallbacks = FallbackSources(sought)
        self._names = names.AcceptedNames(store, attempt.stage_id, attempt.number, sought)
        self._texts: list[SourceFile] = []
        self._ended = False

    def scan(self, *, ended: bool = False) -> None:
        """Find the attempt's files, and start to read new ones; none come once it has `ended`."""
        self._alerts.catch_up()
        self._check({})
        candidates = self.files.find(self.attempt.definition, ended=ended)
        self._texts = [one for one in candidates if one.is_fallback]
        self._paused.clear()
        if any(self._is_new(candidate) for candidate in candidates):
            self._begin(candidates)
            self._config_due = True
        if self._config_due and (ended or self._names.has_files):
            self.files.record_configuration(candidates)
            self._config_due = False
        for candidate in candidates:
            if candidate.key in self._readers:
                self._readers[candidate.key].follow(candidate.path)
        if not ended:
            self._note_unread_lines()

    @property
    def is_log_due(self) -> bool:
        """True if a log is to be checked again soon, since it has shown metrics or may do so."""
        return self._fallbacks.is_due

    def _is_new(self, candidate: SourceFile) -> bool:
        if candidate.key in self._fallbacks:
            return False
        reader = self._readers.get(candidate.key)
        return reader is None or (
            candidate.one_of_many
            and attempt_files.is_another_file(candidate.path, reader.source.identity)
        )

    def _begin(self, candidates: Sequence[SourceFile]) -> None:
        """Start to read new files, and detect files that were renamed (log rotation)."""
        owner = self.attempt.stage_id
        with self._store.read() as connection:
            known = point_sources.sources(connection, owner)
            claimed = write_points.names_by_source(connection, owner, self.attempt.number)
            earlier = write_points.names_by_source(
                connection, owner, self.attempt.number, before=True
            )
        if moved := attempt_files.find_renamed(candidates, known):
            with self._store.write() as connection:
                stale = attempt_files.rename_rotated(connection, moved, known)
                known = point_sources.sources(connection, owner)
            for key in stale & self._readers.keys():
                self._readers.pop(key).close()
        by_key = {source.key: source for source in known}
        self._names.remember(known, earlier)
        for candidate in sorted(candidates, key=lambda one: self._order(one, by_key.get(one.key))):
            if (reader := self._readers.get(candidate.key)) is not None:
                reader.reopen_if_replaced()
                continue
            source = by_key.get(candidate.key)
            if source is None and candidate.is_fallback:
                self._fallbacks.add(candidate)
                continue
            if source is None and not self._ended and self._names.waits(candidate):
                continue
            if source is not None:
                self._names.claim(claimed.get(source.id, ()), candidate)
            self._start(candidate, source)

    def _order(self, candidate: SourceFile, known: SourceRecord | None) -> tuple[int, float, bytes]:
        """Return the place of a file among those that are read."""
        began = names.first_bytes(candidate) if known is None else b""
        read_first = math.inf if known is None else known.id  # which keeps its metrics' names
        return self._names.place(candidate), read_first, began

    def _start(self, candidate: SourceFile, source: SourceRecord | None = None) -> None:
        """Start to read a file, from where it was read up to if its source is stored."""
        source = source or add_source(self._store, self.attempt, candidate, self.files.since)
        candidate = names.apart(candidate, self._candidates.values(), self.files.since)
        self._candidates[candidate.key] = candidate
        self.directories.add(candidate.path.parent)
        steps = has_steps(source.state) or self._fallbacks.have_steps.get(source.key, False)
        options = ReadOptions(
            attempt=self.attempt.number,
            follows=not candidate.one_of_many,
            accepts=lambda name, found: self._names.accepts(name, candidate, found),
            renamed=self._names.renamed(candidate, has_steps=steps),
            masked=shell_environment.masker(self.attempt.run_dir).text,
            shift=self._names.next_step() if candidate.reading.continues else 0,
            stored=self._check,
            overtaken=self._reload,
            files=self._shared.files,
        )
        of_file = self._store, source, candidate.path, candidate.reading, options
        self._readers[candidate.key] = (
            DatabaseReader(*of_file, run=candidate.run) if candidate.run else SourceReader(*of_file)
        )
        if self._ended:
            self._limit_fallback(candidate.key)

    def _check(self, stored: Mapping[str, Points]) -> None:
        """Check newly stored points, and bests that others have reached meanwhile."""
        if stored:
            self._alerts.check(stored)
        if not (self._ended or self.attempt.ended):  # at its end, its whole curve is compared
            self._best.check(stored)

    def end(self) -> None:
        """Note that the process has ended, which limits how much of a fallback source is read."""
        if not self._ended:
            self._ended = True
            for key, reader in self._readers.items():
                self._limit_fallback(key)
                reader.notice = None

    def _limit_fallback(self, key: str) -> None:
        if self._candidates[key].is_fallback:
            self._readers[key].stop_after(TEXT_BACKLOG)

    def advance(self) -> Advance:
        """Read and store at most one batch of each source."""
        step = self.read()
        overtaken = self._shared.writer.flush()
        return step._replace(more=step.more or overtaken)

    def read(self) -> Advance:
        """Read at most one batch of each source; the writer stores the batches when flushed."""
        steps = [self._step(key) for key in self._readers if self._is_read(key)]
        more = any(step.more for step in steps)
        if not more:
            more = self._fallbacks.scan()
            if self._fallbacks.has_shown:
                more |= bool(self._fall_back(ended=False))
        return Advance(sum(step.points for step in steps), more)

    def _fall_back(self, *, ended: bool) -> list[str]:
        """Start to read the fallback sources that are ready; return their keys."""
        wait = self._names.wait(self._candidates.values(), self.attempt.definition)
        ready = self._fallbacks.pop_ready(wait, all_of_them=ended)
        for candidate in ready:
            self._start(candidate)
        return [candidate.key for candidate in ready]

    def _is_read(self, key: str) -> bool:
        return key not in self._paused and key not in self._abandoned

    def _step(self, key: str, end: EndOfFile | None = None) -> Advance:
        """Read one batch of a source; an error affects only that source."""
        reader = self._readers[key]
        try:
            step = reader.read(end)
        except UnfitEnvironmentError:
            raise  # affects all sources
        except TrainuiError as error:
            self._pause(key, str(error), for_good=isinstance(error, PatternError | PluginError))
            if isinstance(error, PluginError):
                self._problems.set(key, f"{key} is left alone: {error}")
                log.error("%s is left alone", key, exc_info=error)
        except Exception as error:
            self._abandon(key, error)
        else:
            self._shared.writer.add(reader, lambda error: self._abandon(key, error))
            self._problems.set(key, self._warning(key))
            return step
        return Advance()

    def _abandon(self, key: str, error: Exception) -> None:
        self._pause(key, f"{key} cannot be read: {error!r}; see the worker's log", for_good=True)
        log.error("%s cannot be read", key, exc_info=error)

    def _warning(self, key: str) -> str | None:
        """Return a message on what seems wrong with a source so far; None if nothing does."""
        candidate, reader = self._candidates[key], self._readers[key]
        if candidate.reading.doubtful:
            return reader.notice
        if reader.warning or self.files.is_early or self._ended:
            return reader.warning
        return problem_so_far(candidate, reader)

    def _pause(self, key: str, problem: str, *, for_good: bool) -> None:
        (self._abandoned if for_good else self._paused).add(key)
        if not self._candidates[key].reading.doubtful:
            self._problems.set(key, problem)

    def _reload(self) -> None:
        """Start again from what is stored: another process stored points of this attempt."""
        self._alerts.reset()
        self._problems.reset()

    def finish(self, *, clean: bool) -> None:
        """Read all sources to their end, and mark the attempt's metrics as complete.

        If no signal ended the process (`clean`), its last line is not torn.
        """
        self.end()
        self.scan(ended=True)
        self._read_to_end(list(self._readers), clean=clean)
        self.files.record_summary(self._candidates.values())
        self._read_to_end(self._fall_back(ended=True), clean=clean)
        self._read_single_values(clean=clean)
        if not self._names.has_files:
            self._note_likely_lines()
        self._note_unread_lines()
        self.files.report_at_end()
        self._alerts.catch_up()
        for metric in self._alerts.watch.unmatched():
            unmatched = f"no metric named {metric}, which an alert watches"
            self._problems.set(f"alert on {metric}", unmatched)
        if self._names.names.is_full:
            limit = f"more than {names.MAX_SERIES} metrics; the others were not stored"
            self._problems.set(self.attempt.attempt_dir, limit)
        with self._store.write() as connection:
            write_points.finish(connection, self.attempt.stage_id)
            mark_metrics_complete(connection, self.attempt.attempt_id)

    def _read_to_end(self, keys: Sequence[str], *, clean: bool) -> None:
        for key in keys:
            end = EndOfFile(clean and not self._readers[key].unread)
            more = True
            while more and self._is_read(key):
                more = self._step(key, end).more
                more |= self._shared.writer.flush()
            candidate, reader = self._candidates[key], self._readers[key]
            stale = not candidate.ours and is_older(candidate.path, self.files.since)
            found = problem_at_end(candidate, reader, stale=stale)
            if found is not None and key not in self._problems:
                self._problems.set(key, found)

    def _read_single_values(self, *, clean: bool) -> None:
        """Read the search's metric from lines that state it; or a usual one if there is no other.

        The first text that has one is read alone: another may repeat its numbers.
        """
        search = self.attempt.definition.search
        metric = search.metric if search else ""
        if not metric and self._names.has_files:
            return
        with self._store.read() as connection:
            known = write_points.names_by_source(
                connection, self.attempt.stage_id, self.attempt.number
            )
        if any(metric in names if metric else names for names in known.values()):
            return
        found = (of_single_values(text, metric) for text in self._texts)
        if (single := next(filter(None, found), None)) is not None:
            self._start(single)
            self._read_to_end([single.key], clean=clean)

    def _note_likely_lines(self) -> None:
        """If no text had a metric, store which of their lines look like metrics."""
        if any(reader.position.rows for reader in self._readers.values()):
            return
        masker = shell_environment.masker(self.attempt.run_dir)
        for key, candidate in self._candidates.items():
            found = fallback_sources.describe(candidate, masker) if candidate.is_fallback else None
            if found is not None and self._may_note(candidate):
                self._problems.set(key, found)

    def _note_unread_lines(self) -> None:
        """Store how many lines of a text look like metrics, and were not read."""
        if any(one.reading.single is not None for one in self._candidates.values()):
            return  # a line that states the value that is missing was read
        texts = [] if self._ended else [*self._fallbacks.unread()]
        for key, one in self._readers.items():
            if one.position.format == "text" and one.position.rows:
                texts.append((self._candidates[key], *unread(one.position.state)))
                self._names.deny(one.stored_as(denied(one.position.state)), key)
        for text, count, first in texts:
            least = 1 if self._ended else max(_UNREAD, 2 * self._unread.get(text.key, 0))
            is_read = any(
                one.path == text.path and one.reading.pattern and one.reading.pattern.search(first)
                for one in self._candidates.values()
            )
            if count < least or is_read or not self._may_note(text):
                continue
            self._unread[text.key] = count
            masker = shell_environment.masker(self.attempt.run_dir)
            notice = fallback_sources.describe_unread(text, masker, count, first, ended=self._ended)
            if (reader := self._readers.get(text.key)) is not None:
                reader.notice = notice
            self._problems.set(text.key, notice)

    def _may_note(self, text: SourceFile) -> bool:
        """Return False for a text with a worse problem than lines that are not read."""
        return text.key not in self._abandoned and (
            text.reading.doubtful or text.key not in self._problems or text.key in self._unread
        )

    def note_failure(self, why: str | None) -> None:
        """Store why the whole attempt cannot be read now; None clears it."""
        problem = why and f"its metrics cannot be read now: {why}"
        self._problems.set(self.attempt.attempt_dir, problem)

    def paths(self) -> set[str]:
        """Return the paths of the files being read, or checked when they grow."""
        found = {str(candidate.path) for candidate in self._candidates.values()}
        if not self._names.has_files:
            found |= self._fallbacks.followed
        databases = {str(one.path) for one in self._candidates.values() if one.run}
        return found | {f"{path}-wal" for path in databases}

    def close(self) -> None:
        """Close all files."""
        for reader in self._readers.values():
            reader.close()


def add_source(
    store: Database, attempt: AttemptToRead, candidate: SourceFile, started: float
) -> SourceRecord:
    """Store a source unless it is stored; `started`: its attempt's start, in seconds since 1970.

    It begins after what others have written into its file before the attempt.
    """
    # before the transaction, since a file system may block
    others = None if candidate.ours else _part_of_others(candidate, started)
    with store.write() as connection:
        source = point_sources.add_source(
            connection, attempt.stage_id, candidate.key, attempt=attempt.number
        )
        if candidate.ours or source.identity is not None:
            return _continued(connection, source)
        if others is not None:
            size, identity = others
            begun = source._replace(offset=size, identity=identity, version=source.version + 1)
            point_sources.move(connection, source, begun)
            return begun
    return source


def _continued(connection: Connection, source: SourceRecord) -> SourceRecord:
    """Begin a log with what was seen in the log of the attempt before."""
    name = source.key.rpartition("/")[2]
    if source.state or source.offset or "#" not in name:
        return source
    earlier = [
        one
        for one in point_sources.sources(connection, source.owner)
        if one.attempt < source.attempt and one.key.endswith(f"/{name}") and one.state
    ]
    last = max(earlier, key=lambda one: one.attempt, default=None)
    state = carried_over(last.state) if last else {}
    if not state:
        return source
    begun = source._replace(state=state, version=source.version + 1)
    point_sources.move(connection, source, begun)
    return begun


def is_older(path: Path, started: float) -> bool:
    """Return True if a file was last written before an attempt started, so by another one."""
    return 0 < lenient.modified(path) < started


def _part_of_others(candidate: SourceFile, started: float) -> tuple[int, Identity] | None:
    """Return the size of what others have written into a file, and what identifies it."""
    is_theirs = is_older(candidate.path, started)
    if not is_theirs and not candidate.begin:
        return None
    try:
        with closing(GrowingFile(candidate.path)) as file:
            size = file.look().size if is_theirs else candidate.begin
            return size, file.identify(size)
    except (OSError, UnreadableFileError):
        return None


def problem_at_end(candidate: SourceFile, reader: SourceReader, *, stale: bool) -> str | None:
    """Return what is wrong with a source; None if nothing is.

    A `stale` one was last written before the attempt began.
    """
    if unread := reader.unread:
        return (
            f"the last {formatting.size(unread)} of {candidate.path} were not read: it was written "
            "faster than it can be read; name it in the stage's metrics to have it read to the end"
        )
    if not candidate.named or reader.position.rows or _is_tracked(candidate):
        return None
    if stale:
        return f"{candidate.path} was not written since the attempt began"
    if (link := _link(candidate)) is not None:
        return link
    pattern = _pattern(candidate)
    if pattern is not None:
        return f"the pattern {pattern!r} matched no line of {candidate.path}"
    return f"{candidate.path} has no record that could be read"


def problem_so_far(candidate: SourceFile, reader: SourceReader) -> str | None:
    """Return why a named source has no points yet; None if there is nothing to say."""
    if not candidate.named or reader.position.rows or _is_tracked(candidate):
        return None
    look = reader.look()
    if look is None or not look.size:
        return _link(candidate)
    pattern = _pattern(candidate)
    what = "has no metric" if pattern is None else f"has no line that {pattern!r} matches"
    return f"{candidate.path} {what} so far, in {_about(look.size)}"


def _is_tracked(candidate: SourceFile) -> bool:
    """Return True for a run of a tracker's database, which may have no metrics, e.g. a trial."""
    return bool(candidate.run) and candidate.path.exists()


def _link(candidate: SourceFile) -> str | None:
    """Return a message if a path is a link to a missing file."""
    path = candidate.path
    if not path.is_symlink() or path.exists():
        return None
    return f"{path} is a link to {path.readlink()}, which does not exist"


def _pattern(candidate: SourceFile) -> str | None:
    pattern = candidate.reading.pattern or candidate.reading.preset
    return pattern if pattern is None or isinstance(pattern, str) else pattern.pattern


def _about(size: int) -> str:
    """Return a rounded size, so that the message for a growing file rarely changes."""
    for unit, width in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= width:
            return f"more than {10 ** (len(str(size // width)) - 1)} {unit}"
    return "less than 1 kB"
