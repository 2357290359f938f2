"""What a trainer did to its files, done again, and read after each of its operations."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.metrics import corpus, reading
from trainui.metrics.source_reader import SourceReader
from trainui.store import curves
from trainui.store.engine import Store, open_store

Points = Counter[tuple[float, str]]
"""Steps and values of a series; a NaN is as good as another."""


def curves_of(store: Store, owner: str) -> dict[str, curves.Curve]:
    connection = reading.connect(store)
    names = [series.name for series in curves.summaries(connection, [owner])]
    return {name: curves.curve(connection, owner, name) for name in names}


def points_of(store: Store, owner: str) -> dict[str, Points]:
    return {
        name: Counter(zip(curve.steps.tolist(), map(repr, curve.values.tolist()), strict=True))
        for name, curve in curves_of(store, owner).items()
    }


_REWRITTEN = {"json-object", "fastai-csv", "lightning-csv"}
"""Files whose first content was lost: by the newest values, or by another fit."""


@dataclass
class Replay:
    """One trace, its files written below `root` and read into `store`."""

    trace: Path
    root: Path
    store: Store
    anew: bool = False
    """A new reader looks at each change, as after a restart."""
    _readers: dict[str, SourceReader] = field(default_factory=dict)

    def run(
        self,
        operations: Iterable[corpus.Operation] | None = None,
        *,
        looks: Callable[[int], bool] = lambda _change: True,
        other_process: frozenset[int] = frozenset(),
        whole: dict[str, dict[str, Points]] | None = None,
    ) -> None:
        """Do all operations, read after each, and compare what is stored at the end.

        Args:
            operations: those of the trace by default.
            looks: after which operations the files are read.
            other_process: after which of them by another process.
            whole: the points of the finished files, if each moment's are to be a part of them.
        """
        kept = corpus.kept_files()
        for change, operation in enumerate(operations or corpus.operations(self.trace)):
            operation.do(self.root)
            name = operation.path.removeprefix("<stdio>/")
            if name not in kept or not looks(change):
                continue
            if change in other_process:
                self._read_elsewhere(operation.path, name)
            else:
                self._read(operation.path, kept[name][0])
            if whole is not None and name in whole:
                for series, points in points_of(self.store, name).items():
                    assert points <= whole[name][series], f"{series} of {name} after {change}"
        self._check(kept)

    def _read(self, path: str, like: corpus.Expected) -> None:
        name = path.removeprefix("<stdio>/")
        if self.anew and name in self._readers:
            self._readers.pop(name).close()
        if name not in self._readers:
            self._readers[name] = reading.open_reader(
                self.store, self.root / path, like.reading, owner=name
            )
        reading.read_on(self._readers[name])

    def _read_elsewhere(self, path: str, name: str) -> None:
        if name in self._readers:
            self._readers.pop(name).close()
        command = [
            sys.executable,
            "-m",
            "tests.unit.metrics.replaying",
            str(self.root / path),
            name,
        ]
        subprocess.run(command, check=True)

    def _check(self, kept: dict[str, list[corpus.Expected]]) -> None:
        if self.trace.name.startswith("rotating"):
            self._check_rotated()
            return
        for name, reader in self._readers.items():
            like = kept[name][0]
            reading.read_to_end(self.store, reader, clean="killed" not in like.format)
            if reader.path.exists():
                now = reader.path.read_bytes()
                same = [one for one in kept[name] if one.path.read_bytes() == now]
                if same:
                    corpus.check(same[0], curves_of(self.store, name))

    def _check_rotated(self) -> None:
        """The log holds all that was ever written under its name, whatever it is called now."""
        reading.read_to_end(self.store, self._readers["train.log"])
        written = curves_of(self.store, "train.log")["loss"]
        assert written.steps.tolist() == list(range(1, 901))


def finished(store: Store) -> dict[str, dict[str, Points]]:
    """Return the points of all files that are kept, except of those that lost some of theirs."""
    found = {}
    for name, files in corpus.kept_files().items():
        if len(files) == 1 and files[0].format not in _REWRITTEN:
            owner = f"finished {name}"
            reader = reading.open_reader(store, files[0].path, files[0].reading, owner=owner)
            reading.read_to_end(store, reader, clean="killed" not in files[0].format)
            found[name] = points_of(store, owner)
    return found


def bytewise(trace: Path) -> Iterator[corpus.Operation]:
    for operation in corpus.operations(trace):
        yield from operation.bytewise()


def seeded(trace: Path, count: int) -> frozenset[int]:
    """Return some of a trace's operations, the same ones each time."""
    total = sum(1 for _ in corpus.operations(trace))
    return frozenset(random.Random(trace.name).sample(range(total), min(count, total)))


if __name__ == "__main__":
    file, owner = sys.argv[1:]
    store = open_store()
    like = corpus.kept_files()[owner][0]
    reading.read_on(reading.open_reader(store, Path(file), like.reading, owner=owner))
    store.close()
