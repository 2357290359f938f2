"""Trainings that two loggers wrote in different directories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.execution.conftest import store as store
from trainui.control.trainings import external, same_training
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
