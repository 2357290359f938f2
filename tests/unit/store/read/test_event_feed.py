"""Events are seen once by each who follows them, also after a run was deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.unit.store.conftest import AddRun
from tests.unit.store.readings import connect
from trainui.model.states import NAN
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.read import event_feed, views
from trainui.store.runs import runs, stage_requests


def add_with_alert(store: Database, add_run: AddRun, run_id: str) -> None:
    add_run(run_id, {"train": []})
    with store.write() as connection:
        runs.record_event(connection, run_id, NAN, "loss is NaN", stage="train")


def test_an_event_recorded_after_a_deletion_is_seen(store: Database, add_run: AddRun) -> None:
    add_with_alert(store, add_run, "first")
    seen, notices = event_feed.after(connect(store), 0)
    assert [one.run_id for one in notices] == ["first"]
    with store.write() as connection:
        stage_requests.cancel(connection, "first", views.stages(connection, "first"))
        runs.remove(connection, "first")
    add_with_alert(store, add_run, "second")  # before the next look
    _, notices = event_feed.after(connect(store), seen)
    assert [one.run_id for one in notices] == ["second"]


class Interrupted:
    """A connection with something that happens after its first statement."""

    def __init__(self, connection: Connection, act: Callable[[], None]) -> None:
        self._connection, self._act = connection, [act]

    def execute(self, *statement: Any) -> Any:
        rows = self._connection.execute(*statement).fetchall()
        while self._act:
            self._act.pop()()
        return Rows(rows)


class Rows(list[Any]):
    """What a statement has found."""

    def fetchone(self) -> Any:
        return self[0]

    def fetchall(self) -> list[Any]:
        return self


def test_an_event_that_comes_during_a_look_is_seen_once(store: Database, add_run: AddRun) -> None:
    reading: Any = Interrupted(connect(store), lambda: add_with_alert(store, add_run, "first"))
    seen, notices = event_feed.after(reading, 0)
    _, later = event_feed.after(connect(store), seen)
    assert [one.run_id for one in (*notices, *later)] == ["first"]
