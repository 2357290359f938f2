"""The metrics that the list has columns for, and the second lines of its runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.store.readings import Feeder
from tests.unit.tui.filled import Filler
from trainui.model.states import Status
from trainui.store.db import engine, statements
from trainui.store.read import headlines, run_list, views
from trainui.store.read.run_list import RunDetails
from trainui.tui.readers import in_view
from trainui.tui.readers.in_view import TitleReader
from trainui.tui.readers.stage_values import SweepMemberReader


@pytest.fixture
def connection(filler: Filler) -> Iterator[statements.Connection]:
    with engine.reading() as connection:
        yield connection


def trained(filler: Filler, metric: str) -> str:
    run_id = filler.run({"train[lr=1]": ()})
    attempt = filler.start(run_id, "train[lr=1]")
    Feeder(filler.store, attempt.stage_id).feed({metric: [(0, 1.0)]})
    filler.end(attempt)
    return run_id


def test_the_metric_of_most_runs_names_the_column(
    filler: Filler, connection: statements.Connection
) -> None:
    filler.run({"idle": ()})
    for metric in ("val/loss", "val/loss", "reward"):
        trained(filler, metric)
    reader = TitleReader()
    found = reader.read(connection, run_list.run_lines(connection))
    metrics = {title: metric.name for title, metric in found.titles.items()}
    assert metrics == {"val/loss best": "val/loss", "reward best": "reward"}
    assert (found.columns, found.member) == (("val/loss best",), len("lr=1"))
    for _ in range(3):
        trained(filler, "reward")
    lines = run_list.run_lines(connection)
    assert reader.read(connection, lines).columns == ("val/loss best",), "once chosen it stays"
    assert TitleReader().read(connection, lines).columns == ("reward best",)


def test_each_pipeline_has_its_own_column(
    filler: Filler, connection: statements.Connection
) -> None:
    for pipeline, metric in (("small", "loss"), ("large", "val/loss"), ("large", "val/loss")):
        run_id = filler.run({"train": ()}, pipeline=pipeline)
        filler.feed(run_id, "train", {metric: [(0, 1.0), (1, 0.5)]})
        filler.complete(run_id, "train")
    reader, lines = TitleReader(), run_list.run_lines(connection)
    assert reader.read(connection, lines).columns == ("val/loss best", "loss best")
    (small,) = (line for line in lines if line.pipeline == "small")
    assert reader.read(connection, [small]).columns == ("loss best",)


def test_the_column_has_room_for_any_member(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({f"train[lr={lr}]": () for lr in ("1", "0.001", "10")} | {"t" * 40: ()})
    for name in ("train[lr=1]", "train[lr=0.001]"):
        filler.feed(run_id, filler.stage(run_id, name).name, {"loss": [(0, 1.0)]})
        filler.complete(run_id, name)
    found = TitleReader().read(connection, run_list.run_lines(connection))
    assert found.member == len("lr=0.001")


def test_a_sweep_that_is_deleted_meanwhile_needs_no_room(connection: statements.Connection) -> None:
    assert headlines.longest_member(connection, "deleted", "train[lr=1]") == 0


def test_a_member_that_diverged_early_does_not_choose_the_metric(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({f"train[lr={lr}]": () for lr in (9, 1)})
    filler.feed(run_id, "train[lr=1]", {"train/loss": [(0, 2.0)], "val/loss": [(0, 2.0)]})
    filler.complete(run_id, "train[lr=1]", took=60)
    filler.feed(run_id, "train[lr=9]", {"train/loss": [(0, 9.0)]})
    filler.fail(run_id, "train[lr=9]", "diverged")
    assert TitleReader().read(connection, run_list.run_lines(connection)).columns == (
        "val/loss best",
    )
    group = SweepMemberReader().read(connection, views.stages(connection, run_id))
    assert group is not None
    assert (group.metric, dict(group.values)) == ("val/loss", {"train[lr=1]": 2.0})


def test_a_read_is_short_and_the_next_one_continues_it(
    filler: Filler, connection: statements.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        trained(filler, "loss")
    lines = run_list.run_lines(connection)
    reader = TitleReader()
    monkeypatch.setattr(in_view, "TITLE_BUDGET", -1.0)
    assert reader.read(connection, lines).titles == {}
    assert reader.unfinished
    monkeypatch.undo()
    assert reader.read(connection, lines).columns == ("loss best",)
    assert not reader.unfinished


def test_a_second_line_has_the_first_failed_stage(
    filler: Filler, connection: statements.Connection
) -> None:
    waits, failed = (filler.run({"a": (), "b": (), "c": ("a",)}) for _ in range(2))
    for name in ("b", "a"):
        filler.fail(failed, name, f"exit code 1: {name}")
    quiet = trained(filler, "loss")
    found = run_list.details_of(connection, [waits, failed, quiet])
    assert found == {
        waits: RunDetails("a", Status.QUEUED),
        failed: RunDetails("a", Status.FAILED, "exit code 1: a"),
    }
