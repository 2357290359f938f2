"""Events are seen once by each who follows them, also after a run was deleted."""

from __future__ import annotations

from tests.unit.store.conftest import AddRun
from tests.unit.store.readings import connect
from trainui.domain.notifications import NAN
from trainui.store.db.engine import Store
from trainui.store.read import event_feed
from trainui.store.runs import events, runs, stage_requests


def add_with_alert(store: Store, add_run: AddRun, run_id: str) -> None:
    add_run(run_id, {"train": []})
    with store.write() as connection:
        events.record(connection, run_id, NAN, "loss is NaN", stage="train")


def test_an_event_with_the_number_of_a_deleted_one_is_seen(store: Store, add_run: AddRun) -> None:
    add_with_alert(store, add_run, "first")
    seen, notices = event_feed.after(connect(store), 0)
    assert [one.run_id for one in notices] == ["first"]
    with store.write() as connection:
        stage_requests.cancel(connection, "first", runs.stages(connection, "first"))
        runs.remove(connection, "first")
    seen, notices = event_feed.after(connect(store), seen)
    assert notices == []
    add_with_alert(store, add_run, "second")
    _, notices = event_feed.after(connect(store), seen)
    assert [one.run_id for one in notices] == ["second"]
