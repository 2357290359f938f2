"""Files of real trainers give the points that an independent reader finds in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.metrics import corpus, reading
from trainui.metrics.decoding import Reading
from trainui.metrics.formats import presets
from trainui.metrics.source_reader import SourceReader
from trainui.store import curves
from trainui.store.engine import Store

pytestmark = corpus.needs_corpus


def found(store: Store, owner: str) -> dict[str, curves.Curve]:
    connection = reading.connect(store)
    names = [series.name for series in curves.summaries(connection, [owner])]
    return {name: curves.curve(connection, owner, name) for name in names}


def read(store: Store, one: corpus.Expected, how: Reading) -> dict[str, curves.Curve]:
    reader = reading.open_reader(store, one.path, how, owner=str(one))
    reading.read_to_end(store, reader, clean="killed" not in one.format)
    return found(store, str(one))


def test_finished_files_whose_format_is_found(store: Store) -> None:
    files = [one for one in corpus.expected_files() if one.path.is_file()]
    assert len(files) > 100
    for one in files:
        corpus.check(one, read(store, one, one.reading))


def test_texts_by_the_names_of_their_presets(store: Store) -> None:
    checked = set()
    for one in corpus.expected_files():
        if (preset := corpus.PRESETS.get(one.format)) is not None:
            corpus.check(one, read(store, one, Reading(preset=preset)))
            checked.add(preset)
    assert checked == set(corpus.PRESETS.values())
    assert all(presets.find(name) is not None for name in checked)


@pytest.mark.parametrize("trace", corpus.traces(), ids=lambda path: path.name.split(".")[0])
def test_a_file_read_after_each_of_its_changes(store: Store, trace: Path, tmp_path: Path) -> None:
    kept = kept_files()
    readers: dict[str, SourceReader] = {}
    for change, path in enumerate(corpus.play(trace, tmp_path / "played")):
        name = str(path.relative_to(tmp_path / "played"))
        if name in kept and name not in readers:
            how = Reading(step=kept[name][0].step)
            readers[name] = reading.open_reader(store, path, how, owner=name)
        # After each of the first ones, then now and then: a long trace brings nothing new.
        if name in readers and (change < 150 or change % 7 == 0):
            reading.read_on(readers[name])
    for name, reader in readers.items():
        reading.read_to_end(store, reader)
        if reader.path.exists():
            same = [one for one in kept[name] if one.path.read_bytes() == reader.path.read_bytes()]
            check(store, name, same[0])


def kept_files() -> dict[str, list[corpus.Expected]]:
    """The files that are expected at the end of a trace; two folders may have one of a name."""
    root = corpus.corpus_root()
    assert root is not None
    found: dict[str, list[corpus.Expected]] = {}
    for one in corpus.readable_files():
        if one.path.is_relative_to(root / "produced"):
            _folder, *parts = one.path.relative_to(root / "produced").parts
            found.setdefault("/".join(parts), []).append(one)
    return found
