"""The screen's connection to a database whose files change under it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tui.filled import DIAMOND, Filler, multiply, running_demo
from trainui import clock, control, paths
from trainui.model.definition import Alert
from trainui.model.records import Loss, Lost
from trainui.model.states import Status
from trainui.store.db import engine, statements
from trainui.store.db.engine import Database
from trainui.store.read import run_list, views
from trainui.store.read.run_list import RunTrouble
from trainui.store.runs import runs, stage_requests, stages
from trainui.store.runs.stage_requests import AlertRecord
from trainui.tui.readers.database import FIRST_RUNS, RunListCache, ScreenDatabase
from trainui.tui.snapshot.snapshot import ListQuery


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
    found = {
        first: [AlertRecord.of_nan("NaN in loss", "loss", 3), AlertRecord("alert", "too high")],
        second: [AlertRecord.of_alert(nan, "NaN in loss", "loss", 4)],
        filler.start(run_id, "d"): [AlertRecord("mark", "no improvement")],
    }
    with filler.store.write() as writing:
        for attempt, marks in found.items():
            stage_requests.record_alerts(writing, attempt.stage_id, 1, marks)
        stages.set_stalled(writing, second, True, "no output")
    known.update(connection)
    trouble = RunTrouble(failed=1, stalled=1, nan=2, alert=1)
    assert [run.trouble for run in known.runs] == [trouble]
    assert [run.trouble for run in run_list.run_lines(connection)] == [trouble]
    assert trouble.kinds == ("failed", "stalled", "nan", "alert")
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
