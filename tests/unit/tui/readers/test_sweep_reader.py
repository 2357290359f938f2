"""The values of sweeps in the list of runs: which they are, and when they are read again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tui.filled import SWEEP, Filler
from trainui.model.search import Choices, Range, Search
from trainui.store.db import engine, statements
from trainui.store.read import run_list, sweeps
from trainui.store.runs import trials
from trainui.tui.readers import in_view
from trainui.tui.readers.database import RunListCache, ScreenDatabase
from trainui.tui.readers.in_view import SweepReader
from trainui.tui.snapshot.snapshot import ListQuery

SPACE: dict[str, Range | Choices] = {
    "lr": Range(1e-5, 0.1, log=True),
    "act": Choices((True, "gelu"), ("yes", "gelu")),
}


@pytest.fixture
def connection(filler: Filler, home: Path) -> Iterator[statements.Connection]:
    with engine.reading(home / "trainui.db") as connection:
        yield connection


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


def test_the_search_of_a_matrix_is_one_too(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"train[lr=1]": ()}, search=Search("loss", "minimize"))
    found = json.loads(sweeps.sweeps_of_run(connection, run_id))
    assert found == {"values": {"lr": ["1"]}, "searches": ["train"]}


def test_a_changed_continuing_search_is_read_again(
    filler: Filler, connection: statements.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_view, "SWEEP_PERIOD", 0.0)
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
        patch.setattr(in_view, "SWEEP_BUDGET", -1.0)
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
