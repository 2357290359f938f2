"""The metric of a search is read from one line; without a search only usual names are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.metrics.attempts import Attempt, start_attempt
from tests.unit.metrics.reading import all_points, connect
from trainui.metrics.formats.text.text_lines import SingleValues
from trainui.metrics.reader.attempt import AttemptReader
from trainui.model.definition import Search
from trainui.store.db.engine import Database
from trainui.store.points import read_points


def problems(store: Database, attempt: Attempt) -> list[str]:
    return [found.problem for found in read_points.problems(connect(store), [attempt.stage_id])]


def finished(store: Database, attempt: Attempt) -> list[tuple[str, float, float]]:
    """The points of an attempt that has ended."""
    AttemptReader(store, attempt.to_read).finish(clean=True)
    return list(all_points(store, attempt.stage_id))


@pytest.mark.parametrize(
    ("printed", "point"),
    [
        ("loss 0.3\n", (0, 0.3)),
        ('{"loss": 0.3}\n', (0, 0.3)),
        ("train_loss=9\nfinal loss: 0.300000\n", (0, 0.3)),
        ("2026-11-26 22:00:00,123 INFO trainer step 7 loss=0.3\n", (7, 0.3)),
        ("step 1 acc 0.1\nstep 2 acc 0.2\nThe loss is 0.3.\n", (0, 0.3)),
        ("Loss | 0.3", (0, 0.3)),
        ("final loss 8\n" + "x" * 200 + "\nloss 0.3\n", (0, 0.3)),
    ],
)
def test_the_metric_of_a_search_is_read_from_one_line(
    store: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    printed: str,
    point: tuple[float, float],
) -> None:
    monkeypatch.setattr("trainui.metrics.discovery.fallback_sources.LAST_BYTES", 100)
    attempt = start_attempt(store, tmp_path)
    searched = replace(attempt.to_read.definition, search=Search("loss", "minimize"))
    attempt = replace(attempt, to_read=replace(attempt.to_read, definition=searched))
    for name in ("stdout.log", "stderr.log"):
        (attempt.directory / name).write_text(printed)
    assert [one[1:] for one in finished(store, attempt) if one[0] == "loss"] == [point]
    assert problems(store, attempt) == []


def test_single_values_of_usual_names_are_read_from_logs(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    printed = "lr: 0.5\nlr: 0.6\nINFO:root:test accuracy: 0.75\n{'val': {'loss': 2}, 'size': 9}\n"
    (attempt.directory / "stdout.log").write_text(printed)
    found = finished(store, attempt)
    assert sorted(found) == [("test accuracy", 0, 0.75), ("val/loss", 0, 2)]


@pytest.mark.parametrize(
    "printed",
    ["train loss 0.3\n", "x.py --loss 0.3\n", "loss 0,512\n", " 50%|# | 1/2 [00:01<00:01, loss=2]"],
)
def test_numbers_of_other_names_are_not_the_searchs_metric(printed: str) -> None:
    assert SingleValues("loss", {}).decode(printed.encode(), 0).series == {}
    assert SingleValues("val/loss", {}).decode(b"final Val_Loss = 2\n", 0).series.keys() == {
        "val/loss"
    }


def test_a_single_line_with_a_step_is_a_value_too(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    (attempt.directory / "stdout.log").write_text("Epoch 10: test acc = 0.75\n")
    assert finished(store, attempt) == [("test/acc", 10, 0.75)]


def test_what_sums_up_a_table_is_no_metric_of_its_own() -> None:
    sums = SingleValues("", {})
    sums.decode(b"average\nloss\n" + b"0.5 0.25  500  6\n" * 20 + b"average loss = 0.375\n", 0)
    assert sums.finish(0).series == {}


def test_one_unread_line_counts_as_too_few(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    (attempt.directory / "stdout.log").write_text("step 1 score 2\n")
    assert finished(store, attempt) == []
    (problem,) = problems(store, attempt)
    assert "in 1 line; one line with numbers is not enough" in problem
    assert r"step\s*(?P<step>[-+.\w]+) score\s*(?P<score>[-+.\w]+)" in problem


def test_digits_of_a_path_or_an_id_are_no_metric(store: Database, tmp_path: Path) -> None:
    """The hexadecimal digits of a run's directory may spell `f1`."""
    attempt = start_attempt(store, tmp_path)
    run_id = "f1903fb4-6f5f-4696-a93a-75d4e515396f"
    (attempt.directory / "stdout.log").write_text(
        f"wrote /data/runs/{run_id}/prep/data.npz (4000, 20)\nrun {run_id} began\n"
    )
    assert finished(store, attempt) == []
    assert list(problems(store, attempt)) == []
