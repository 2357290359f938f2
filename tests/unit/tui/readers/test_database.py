"""The list of runs as it is read: changes, sweeps, and a database whose files change under it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tui.filled import DIAMOND, SWEEP, Filler, multiply, running_demo
from trainui import clock, control, paths
from trainui.model.definition import Alert, Choices, Range, Search
from trainui.model.records import Loss, Lost
from trainui.model.states import DIVERGED, NAN, Status
from trainui.store.db import engine, statements
from trainui.store.db.engine import Database
from trainui.store.read import run_list, sweeps, views
from trainui.store.read.run_list import RunTrouble
from trainui.store.runs import runs, stage_requests, stages, trials
from trainui.store.runs.stage_requests import AlertRecord
from trainui.tui.readers import database
from trainui.tui.readers.database import FIRST_RUNS, RunListCache, ScreenDatabase, SweepReader
from trainui.tui.snapshot import ListQuery


@pytest.fixture
def connection(filler: Filler, home: Path) -> Iterator[statements.Connection]:
    with engine.reading(home / "trainui.db") as connection:
        yield connection


def test_a_run_in_a_line(filler: Filler, connection: statements.Connection) -> None:
    run_id = running_demo(filler)
    (line,) = run_list.run_lines(connection)
    assert (line.id, line.status, line.done, line.total) == (run_id, Status.RUNNING, 2, 5)
    assert line.current == ("train[hidden=128]",)


def test_stages_in_trouble_are_counted_of_their_last_attempt(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(dict.fromkeys("abcde", ()))
    known = RunListCache()
    known.first(connection)
    filler.fail(run_id, "a", "exit code 1")
    first, second = filler.start(run_id, "b"), filler.start(run_id, "c")
    nan = Alert("nan", action="mark")
    diverged = AlertRecord(NAN, "loss is inf", metric="loss", step=5, condition=DIVERGED)
    found = {
        first: [AlertRecord.of_nan("NaN in loss", "loss", 3), AlertRecord("alert", "too high")],
        second: [AlertRecord.of_alert(nan, "NaN in loss", "loss", 4)],
        filler.start(run_id, "d"): [AlertRecord("mark", "no improvement")],
        filler.start(run_id, "e"): [AlertRecord("mark", "slow"), diverged],
    }
    with filler.store.write() as writing:
        for attempt, marks in found.items():
            stage_requests.record_alerts(writing, attempt.stage_id, 1, marks)
        stages.set_stalled(writing, second, True, "no output")
    known.update(connection)
    trouble = RunTrouble(failed=1, stalled=1, nan=2, diverged=1, alert=1)
    assert [run.trouble for run in known.runs] == [trouble]
    assert [run.trouble for run in run_list.run_lines(connection)] == [trouble]
    assert trouble.kinds == ("failed", "stalled", "nan", "diverged", "alert")
    assert run_list.stages_with_nan(connection, [run_id]) == {run_id: frozenset("bce")}
    filler.end(first, Status.INTERRUPTED)
    control.rerun(run_id, ["b"])
    filler.start(run_id, "b")
    known.update(connection)
    assert known.runs[0].trouble.nan == 1


def test_a_stage_that_falls_silent_is_counted_without_an_event(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id, other = filler.run(dict.fromkeys("ab", ())), filler.run({"a": ()})
    attempt = filler.start(run_id, "a")
    filler.start(other, "a")
    known = RunListCache()
    known.first(connection)

    def trouble_if(seconds: float | None) -> RunTrouble:
        with filler.store.write() as writing:
            stages.set_stalls_after(writing, attempt, seconds)
        known.update(connection)
        assert {run.id: run.trouble for run in known.runs}[other] == RunTrouble()
        return next(run.trouble for run in known.runs if run.id == run_id)

    assert trouble_if(300) == RunTrouble(silent=1)
    assert trouble_if(None) == RunTrouble()
    trouble_if(300)
    with filler.store.write() as writing:
        stages.set_stalled(writing, attempt, True, "no output")
    assert trouble_if(300) == RunTrouble(stalled=1)
    lost = Lost(runs={run_id: Loss(run_id, clock.now(), "no worker")})
    line = known.runs[-1]._replace(trouble=RunTrouble(silent=1, nan=1))
    (marked,) = run_list.with_lost([line._replace(id=run_id)], lost)
    assert marked.trouble == RunTrouble(nan=1)


def test_it_reads_again_only_where_something_happened(
    filler: Filler, connection: statements.Connection
) -> None:
    first, second = filler.run(DIAMOND, name="one"), filler.run(DIAMOND, name="two")
    known = RunListCache()
    known.first(connection)
    before = {run.id: run for run in known.runs}
    filler.complete(first, "prepare")
    known.update(connection)
    after = {run.id: run for run in known.runs}
    assert after[first].done == 1
    assert after[second] is before[second]
    assert list(known.runs) == run_list.run_lines(connection)


def test_new_runs_come_first_and_removed_ones_go(
    filler: Filler, connection: statements.Connection
) -> None:
    old = filler.run({"a": ()}, name="old")
    filler.complete(old, "a")
    known = RunListCache()
    known.first(connection)
    new = filler.run({"a": ()}, name="new")
    known.update(connection)
    assert [run.id for run in known.runs] == [new, old]
    with filler.store.write() as writing:
        runs.remove(writing, old)
    known.update(connection)
    assert [run.id for run in known.runs] == [new]


def test_a_priority_that_another_process_changes_is_read(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"a": ()})
    known = RunListCache()
    known.first(connection)
    with filler.store.write() as writing:
        runs.set_priority(writing, run_id, 3)
    known.update(connection)
    assert [run.priority for run in known.runs] == [3]


def test_nothing_new_is_the_same_list(filler: Filler, connection: statements.Connection) -> None:
    filler.run({"a": ()})
    known = RunListCache()
    known.first(connection)
    before = known.runs
    known.update(connection)
    assert known.runs is before


def test_of_many_runs_the_first_screen_is_read_first(
    filler: Filler, connection: statements.Connection, home: Path
) -> None:
    run_id = filler.run(DIAMOND)
    multiply(home / "trainui.db", run_id, 1000)
    known = RunListCache()
    known.first(connection)
    assert known.loading
    assert len(known.runs) == FIRST_RUNS
    first = known.runs
    known.reload(connection)
    assert len(known.runs) == 1001
    assert known.runs[:FIRST_RUNS] == first


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_screen_closes_a_deleted_log_and_opens_the_next(store: Database) -> None:
    with store.write() as connection:
        runs.set_flag(connection, "paused", "1")
    screen = ScreenDatabase()
    assert not screen.read(ListQuery()).problem
    Path(f"{paths.home().database}-wal").unlink()
    assert screen.has_changed()
    store.close()
    assert not screen.read(ListQuery()).problem  # it was the last user of the deleted log
    with store.write() as connection:
        runs.set_flag(connection, "paused", None)
    assert screen.has_changed()
    with engine.reading() as connection:
        assert views.flag(connection, "paused") is None
    screen.close()


SPACE: dict[str, Range | Choices] = {
    "lr": Range(1e-5, 0.1, log=True),
    "act": Choices((True, "gelu"), ("yes", "gelu")),
}


def ask(filler: Filler, run_id: str, number: int, **params: float | bool | str) -> None:
    """Give a trial its values, as a search does."""
    stage = filler.stage(run_id, f"train[trial={number}]")
    definition = replace(
        stage.definition,
        group="train",
        trial=number,
        trial_params=params,
        search=Search("loss", "minimize", SPACE),
    )
    with filler.store.write() as connection:
        trials.give_values(connection, stage, definition)


def searched(filler: Filler) -> str:
    return filler.run(dict.fromkeys((f"train[trial={number}]" for number in range(3)), ()))


def test_sweep_values_are_of_matrix_and_trials_with_secrets_masked(
    filler: Filler, connection: statements.Connection
) -> None:
    grid, search = filler.run(SWEEP), searched(filler)
    plain = filler.run({"prepare": ()})
    assert sweeps.with_sweeps(connection, [grid, search, plain]) == {grid, search}
    found = json.loads(sweeps.sweeps_of_run(connection, grid))
    assert found == {
        "values": {"lr": ["0.03", "0.3", "3"], "seed": ["1", "2"]},
        "searches": [],
    }
    ask(filler, search, 0, lr=1e-05, act=True)
    ask(filler, search, 2, lr=0.1, act="gelu", api_key="hunter2")
    found = json.loads(sweeps.sweeps_of_run(connection, search))
    values = {"lr": ["1e-05", "0.1"], "act": ["yes", "gelu"], "api_key": ["***"]}
    assert found["searches"] == ["train"]
    assert {name: found["values"][name] for name in values} == values


def test_parameters_of_external_trials_are_a_sweeps_too(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"trial 0": (), "trial 1": ()}, params={"x": 0.5, "deep": True})
    with filler.store.write() as writing:
        statements.set_values(writing, "runs", run_id, kind="optuna")
    assert sweeps.with_sweeps(connection, [run_id]) == {run_id}
    found = json.loads(sweeps.sweeps_of_run(connection, run_id))
    assert found == {"values": {"x": ["0.5"], "deep": ["true"]}, "searches": []}


def test_the_search_of_a_matrix_is_one_too(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"train[lr=1]": ()}, search=Search("loss", "minimize"))
    found = json.loads(sweeps.sweeps_of_run(connection, run_id))
    assert found == {"values": {"lr": ["1"]}, "searches": ["train"]}


def test_a_changed_continuing_search_is_read_again(
    filler: Filler, connection: statements.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SWEEP_PERIOD", 0.0)
    run_id, plain = searched(filler), filler.run({"prepare": ()})
    ask(filler, run_id, 0, lr=0.1, act="gelu")
    known, reader = RunListCache(), SweepReader()
    known.reload(connection)
    first = reader.read(connection, known.runs)
    assert {run.id: "0.1" in run.sweeps_json for run in first} == {run_id: True, plain: False}
    assert reader.read(connection, known.runs) is first
    ask(filler, run_id, 1, lr=0.02, act="gelu")
    filler.start(run_id, "train[trial=1]")
    known.update(connection)
    second = reader.read(connection, known.runs)
    assert json.loads(second[1].sweeps_json)["values"]["lr"] == ["0.1", "0.02"]
    assert second[0] is first[0]
    assert reader.read(connection, known.runs) is second


def test_values_beyond_the_time_limit_are_read_later(
    filler: Filler, connection: statements.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    filler.run(SWEEP)
    runs, reader = tuple(run_list.run_lines(connection)), SweepReader()
    with monkeypatch.context() as patch:
        patch.setattr(database, "SWEEP_BUDGET", -1.0)
        assert reader.read(connection, runs) == runs
        assert reader.unfinished
    assert "0.03" in reader.read(connection, runs)[0].sweeps_json
    assert not reader.unfinished


def test_the_screen_has_them_once_all_runs_were_read(filler: Filler) -> None:
    filler.run(SWEEP)
    database = ScreenDatabase()
    for _ in range(2):
        found = database.read(ListQuery())
    assert found.runs[0].sweeps_json
    database.close()


def test_the_lists_first_values_come_before_it_asks(filler: Filler) -> None:
    """So that no column appears between others a moment later."""
    run_id = filler.run({"train": ()})
    filler.feed(run_id, "train", {"val/loss": [(0, 1.0), (1, 0.5)]})
    filler.complete(run_id, "train")
    found = ScreenDatabase().read(ListQuery())
    assert found.listed.columns == ("val/loss best",)
    assert found.live[run_id].value == 0.5
