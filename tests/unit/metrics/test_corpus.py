"""Files of real trainers give the points that an independent reader finds in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.metrics import corpus, reading
from trainui.metrics.decoding import Reading
from trainui.metrics.formats.presets import PRESETS
from trainui.metrics.source_reader import SourceReader
from trainui.store import curves
from trainui.store.engine import Store

pytestmark = corpus.needs_corpus


def check(store: Store, owner: str, expected: corpus.Expected) -> None:
    connection = reading.connect(store)
    found = {series.name for series in curves.summaries(connection, [owner])}
    assert found == set(expected.series), owner
    for name, want in expected.series.items():
        corpus.check_curve(name, want, curves.curve(connection, owner, name))


def test_finished_files(store: Store) -> None:
    for expected in corpus.readable_files():
        how = Reading(step=expected.step)
        reader = reading.open_reader(store, expected.path, how, owner=str(expected))
        reading.read_to_end(store, reader)
        check(store, str(expected), expected)


def test_logs_by_presets(store: Store) -> None:
    presets = {
        "catboost-stdout": "catboost",
        "hf-dict-lines": "transformers",
        "hf-dict-lines mixed with tqdm": "transformers",
        "lightgbm-stdout": "lightgbm",
        "llm.c-main.log": "llmc",
        "logging key=value, rotated": "keyvalue",
        "megatron-log": "megatron",
        "nanogpt-stdout": "nanogpt",
        "torchtune-log": "torchtune",
        "verl-stdout": "verl",
        "xgboost-stdout": "xgboost",
    }
    checked = set()
    for expected in corpus.expected_files():
        if expected.format in presets:
            how = Reading(preset=presets[expected.format])
            reader = reading.open_reader(store, expected.path, how, owner=str(expected))
            reading.read_to_end(store, reader)
            connection = reading.connect(store)
            for name, want in expected.series.items():
                # Of a line without a step, the epoch is the step and no series.
                if how.preset != "keyvalue" or name in ("loss", "grad_norm", "lr"):
                    curve = curves.curve(connection, str(expected), name)
                    corpus.check_curve(name, want, curve)
            checked.add(presets[expected.format])
    assert checked == set(PRESETS)


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
