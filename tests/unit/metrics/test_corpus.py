"""Files of real trainers give the points that an independent reader finds in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.metrics import corpus, reading
from tests.unit.metrics.replaying import Replay, curves_of
from tests.unit.store.readings import Curve
from trainui.metrics.formats import DecoderChoice
from trainui.store.db.engine import Database

pytestmark = corpus.needs_corpus


def read(store: Database, one: corpus.Expected, how: DecoderChoice) -> dict[str, Curve]:
    run = "" if one.format == "optuna-journal" else one.run
    reader = reading.open_reader(store, one.path, how, owner=str(one), run=run)
    reading.read_to_end(store, reader, clean="killed" not in one.format)
    return curves_of(store, str(one))


def test_finished_files_whose_format_is_found(store: Database) -> None:
    files = [one for one in corpus.expected_files() if one.path.is_file()]
    assert len(files) > 100
    for one in files:
        corpus.check(one, read(store, one, one.reading))


def test_logs_of_usual_loggers_give_no_other_series(store: Database) -> None:
    files = [one for one in corpus.expected_files() if one.path.parent.name == "logging"]
    assert {str(one): len(read(store, one, one.reading)) for one in files} == {
        str(one): len(one.series) for one in files
    }


def test_texts_by_the_names_of_their_presets(store: Database) -> None:
    checked = set()
    for one in corpus.expected_files():
        if (preset := corpus.PRESETS.get(one.format)) is not None:
            corpus.check(one, read(store, one, DecoderChoice(preset=preset)))
            checked.add(preset)
    assert checked == set(corpus.PRESETS.values())


@pytest.mark.parametrize("trace", corpus.traces(), ids=lambda path: path.name.split(".")[0])
def test_a_file_read_after_each_of_its_changes(
    store: Database, trace: Path, tmp_path: Path
) -> None:
    # After each of the first ones, then now and then: `python -m tests.replay` does all of it.
    replay = Replay(trace, tmp_path / "played", store)
    replay.run(looks=lambda change: change < 150 or change % 7 == 0)


@pytest.mark.parametrize("name", ["json_rewrite", "keras_bar_slow", "lightning", "gbm_cat_clf"])
def test_a_new_reader_follows_each_change_of_a_file(
    store: Database, name: str, tmp_path: Path
) -> None:
    (trace,) = (one for one in corpus.traces() if one.name.startswith(f"{name}."))
    replay = Replay(trace, tmp_path / "played", store, anew=True)
    replay.run(looks=lambda change: change < 100 or change % 9 == 0)
