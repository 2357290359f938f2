"""What a trainer did to its files, done again, and read after each of its operations."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.metrics import corpus, reading
from tests.unit.store import readings
from trainui.metrics.formats import is_document
from trainui.metrics.reader.source import SourceReader
from trainui.store.db import engine
from trainui.store.db.engine import Database, open_store
from trainui.store.points import point_sources, read_points
from trainui.store.points.point_sources import SourceRecord

Points = Counter[tuple[float, str]]
"""Steps and values of a series; a NaN is as good as another."""


_fresh = multiprocessing.get_context("forkserver")
"""Makes processes without this one's readers that need not import everything again."""
_fresh.set_forkserver_preload([__name__])


def curves_of(_store: Database, owner: str) -> dict[str, readings.Curve]:
    with closing(engine.connect_to_read()) as connection:
        names = [series.name for series in read_points.summaries(connection, [owner])]
        return {name: readings.curve(connection, owner, name) for name in names}


def points_of(store: Database, owner: str) -> dict[str, Points]:
    return {
        name: Counter(zip(curve.steps.tolist(), map(repr, curve.values.tolist()), strict=True))
        for name, curve in curves_of(store, owner).items()
    }


_REWRITTEN = {"json-object", "fastai-csv", "lightning-csv", "logging key=value, rotated"}
"""Files whose first content was lost: by the newest values, by another fit, to another file."""


@dataclass(frozen=True)
class Finished:
    """A file as its trainer left it."""

    format: str | None
    series: dict[str, Points]


@dataclass
class Replay:
    """One trace, its files written below `root` and read into `store`."""

    trace: Path
    root: Path
    store: Database
    anew: bool = False
    """A new reader looks at each change, as after a restart."""
    _readers: dict[str, SourceReader] = field(default_factory=dict)
    _compared: dict[str, SourceRecord] = field(default_factory=dict)
    """What each file's source was when its points were compared last."""

    def run(
        self,
        operations: Iterable[corpus.Operation] | None = None,
        *,
        looks: Callable[[int], bool] = lambda _change: True,
        other_process: frozenset[int] = frozenset(),
        whole: Mapping[str, Finished] | None = None,
    ) -> None:
        """Do all operations, read after each, and compare what is stored at the end.

        Args:
            operations: those of the trace by default.
            looks: after which operations the files are read.
            other_process: after which of them by another process.
            whole: the points of the finished files, if each moment's are to be a part of them.
        """
        kept = corpus.kept_files()
        read: dict[str, str] = {}
        for change, operation in enumerate(operations or corpus.operations(self.trace)):
            operation.do(self.root)
            name = operation.path.removeprefix("<stdio>/")
            if name in kept:
                read.setdefault(name, operation.path)
            if name not in kept or not looks(change):
                continue
            if change in other_process:
                self._read_elsewhere(operation.path, name)
            else:
                self._read(operation.path, name)
            if whole is not None and name in whole and self._is_changed(name, whole[name].format):
                for series, points in points_of(self.store, name).items():
                    known = whole[name].series.get(series, Counter())
                    assert points <= known, f"{series} of {name} after {change}"
        self._check(read)

    def _is_changed(self, name: str, format: str | None) -> bool:
        """Tell whether anything was stored of a file since it was last asked for."""
        with self.store.read() as connection:
            (source,) = point_sources.sources(connection, name)
        before, self._compared[name] = self._compared.get(name), source
        # A first line without its end is taken for a document, whose step is a value as well.
        is_begun = is_document(source.format) and not is_document(format)
        return source != before and not is_begun

    def _read(self, path: str, name: str) -> None:
        if self.anew:
            self._forget(name)
        reading.read_on(self._reader(path, name))

    def _reader(self, path: str, name: str) -> SourceReader:
        if name not in self._readers:
            like = corpus.kept_files()[name][0]
            self._readers[name] = reading.open_reader(
                self.store, self.root / path, like.reading, owner=name
            )
        return self._readers[name]

    def _forget(self, name: str) -> None:
        if name in self._readers:
            self._readers.pop(name).close()

    def _read_elsewhere(self, path: str, name: str) -> None:
        self._forget(name)
        home = os.environ["TRAINUI_HOME"]
        other = _fresh.Process(target=_read_once, args=(home, self.root / path, name))
        other.start()
        other.join()
        assert other.exitcode == 0, f"the process that read {name} ended with {other.exitcode}"

    def _check(self, read: dict[str, str]) -> None:
        """Read all files to their ends, and compare them.

        Args:
            read: their paths by their names.
        """
        if self.trace.name.startswith("rotating"):
            self._check_rotated(read["train.log"])
            return
        kept = corpus.kept_files()
        for name, path in read.items():
            reader = self._reader(path, name)
            reading.read_to_end(self.store, reader, clean="killed" not in kept[name][0].format)
            if reader.path.exists():
                now = reader.path.read_bytes()
                same = [one for one in kept[name] if one.path.read_bytes() == now]
                if same:
                    corpus.check(same[0], curves_of(self.store, name))

    def _check_rotated(self, path: str) -> None:
        """The log holds all that was ever written under its name, whatever it is called now."""
        reading.read_to_end(self.store, self._reader(path, "train.log"))
        written = curves_of(self.store, "train.log")["loss"]
        assert written.steps.tolist() == list(range(1, 901))


def finished(store: Database, trace: Path) -> dict[str, Finished]:
    """Return the points of a trace's finished files, except of those that lost some of theirs."""
    written = {one.path.removeprefix("<stdio>/") for one in corpus.operations(trace)}
    found = {}
    for name, files in corpus.kept_files().items():
        if name in written and len(files) == 1 and files[0].format not in _REWRITTEN:
            owner = f"finished {name}"
            reader = reading.open_reader(store, files[0].path, files[0].reading, owner=owner)
            reading.read_to_end(store, reader, clean="killed" not in files[0].format)
            found[name] = Finished(reader.source.format, points_of(store, owner))
    return found


def bytewise(trace: Path) -> Iterator[corpus.Operation]:
    """Yield a trace's operations, what is appended a byte at a time.

    What overwrites is not split: halves of two headers are no table, and no reader could tell.
    """
    ends: dict[str, int] = {}
    for operation in corpus.operations(trace):
        if operation.kind == "write" and operation.offset >= ends.get(operation.path, 0):
            yield from operation.bytewise()
        else:
            yield operation
        ends[operation.path] = operation.end(ends)


def seeded(trace: Path, count: int) -> frozenset[int]:
    """Return some of a trace's operations, the same ones each time."""
    total = sum(1 for _ in corpus.operations(trace))
    return frozenset(random.Random(trace.name).sample(range(total), min(count, total)))


def _read_once(home: str, file: Path, owner: str) -> None:
    """Read a file on, as the first thing that a process does."""
    os.environ["TRAINUI_HOME"] = home
    store = open_store()
    like = corpus.kept_files()[owner][0]
    reading.read_on(reading.open_reader(store, file, like.reading, owner=owner))
    store.close()
