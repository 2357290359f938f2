"""Trainings that two loggers wrote in different directories."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.metrics.trackers.test_databases import add, make
from trainui.control.trainings import external, same_training
from trainui.metrics.trackers import database
from trainui.store.db.engine import Store

STEPS = range(30)
LOSSES = [1 / (step + 3.7) for step in STEPS]


def csv(directory: Path, values: list[float]) -> None:
    directory.mkdir()
    rows = "".join(f"{step},{value}\n" for step, value in enumerate(values))
    (directory / "metrics.csv").write_text(f"step,loss\n{rows}")


def lines(directory: Path, values: list[float], **others: float) -> None:
    directory.mkdir()
    rows = ({"step": step, "loss": value, **others} for step, value in enumerate(values))
    (directory / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_equal_values_at_the_same_time_are_remarked(
    on_both_databases: None, store: Store, tmp_path: Path
) -> None:
    csv(tmp_path / "one", LOSSES)
    lines(tmp_path / "other", LOSSES[:20], epoch=1, acc=0.25)
    lines(tmp_path / "third", [value + 0.1 for value in LOSSES])
    added = external.add(external.find(tmp_path))
    remarks = {one.name: one.remark for one in added if one.remark}
    assert remarks == {
        "other": "one (csv) and other (jsonl) may be one training: "
        "they ran at the same time with equal values"
    }
    assert len({one.run_id for one in added}) == 3, "nothing proves it"
    assert not any(one.remark for one in external.add(external.find(tmp_path)))


@pytest.mark.parametrize(("later", "few"), [(True, False), (False, True)])
def test_others_are_not_remarked(tmp_path: Path, later: bool, few: bool) -> None:
    """Those of another time, and those that only share a learning rate."""
    csv(tmp_path / "one", LOSSES)
    lines(tmp_path / "other", [0.001] * 30 if few else LOSSES)
    found = external.find(tmp_path)
    spans = {one.key: (0, 1.0) for one in found}
    if later:
        spans[found[1].key] = (60_000_000, 61_000_000.0)
    assert same_training.pairs(found, spans) == []


def test_the_values_of_more_databases_than_copies_stay_open_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_REST", 1e9)
    for number in range(database.MOST_COPIES + 1):
        directory = tmp_path / str(number)
        directory.mkdir()
        with closing(make(directory / "mlflow.db")) as writer:
            row = ("r", "name", "FINISHED", 1_700_000_000_000, 1_700_000_001_000, "active")
            writer.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", row)
            for step in range(10):
                add(writer, step)
    values = [same_training.values_of(one.jobs[0]) for one in external.find(tmp_path)]
    assert values == [{step / 2 for step in range(1, 10, 2)}] * (database.MOST_COPIES + 1)
