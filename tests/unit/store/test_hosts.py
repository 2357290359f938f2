"""Hosts send heartbeats, are identified, and take only the stages that they may."""

from __future__ import annotations

import pytest

from tests.unit.store.conftest import AddRun
from trainui.model.records import HostView, Slot
from trainui.store import hosts
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, runs

A, B = HostView("a", ("small",), "place-a"), HostView("b", ("big",), "place-b")


def announce(store: Database, name: str, home: str = "home") -> object:
    with store.write() as connection:
        return hosts.announce(connection, name, home=home, place="p", slots=[], queues=["q"])


def let_pass(store: Database, name: str, seconds: int) -> None:
    with store.write() as connection:
        passed = "UPDATE hosts SET seen_at = seen_at - ? WHERE name = ?"
        connection.execute(passed, (seconds * 1_000_000, name))


def test_a_host_is_heard_of_by_the_databases_clock(store: Database) -> None:
    assert announce(store, "a") is None
    let_pass(store, "a", 100)
    with store.read() as connection:
        found = hosts.known(connection)["a"]
    assert 100 <= found.seconds < 110
    assert (found.place, found.queues) == ("p", ("q",))
    announce(store, "a")
    with store.read() as connection:
        assert hosts.known(connection)["a"].seconds < 10


def test_of_two_homes_with_one_name_the_live_one_stays(store: Database) -> None:
    announce(store, "a", "one")
    assert announce(store, "a", "two") is not None
    let_pass(store, "a", 60)
    assert announce(store, "a", "two") is None
    assert announce(store, "a", "one") is not None


def test_a_host_of_long_ago_is_forgotten(store: Database) -> None:
    announce(store, "a")
    let_pass(store, "a", 31 * 24 * 3600)
    announce(store, "b")
    with store.read() as connection:
        assert list(hosts.known(connection)) == ["b"]


@pytest.mark.parametrize(
    ("run", "asks", "takers"),
    [
        ({"host": "a", "place": "place-a"}, {}, "a"),
        ({"host": "c", "place": "place-b"}, {}, "b"),
        ({"host": "a", "place": "place-b"}, {}, "ab"),
        ({"host": "a", "place": "place-b"}, {"host": "b"}, "b"),
        ({"host": "a", "place": "place-b"}, {"queue": "big"}, "b"),
        ({"host": "a", "place": "place-b"}, {"queue": "huge"}, ""),
        ({"host": "a", "place": "place-a"}, {"host": "b"}, ""),
    ],
)
def test_a_stage_waits_for_suitable_hosts_that_see_its_run(
    store: Database, add_run: AddRun, run: dict[str, str], asks: dict[str, str], takers: str
) -> None:
    add_run("run", {"s": []}, **asks)
    with store.write() as connection:
        connection.execute("UPDATE runs SET host = ?, place = ?", (run["host"], run["place"]))
    with store.read() as connection:
        assert len(attempts.queued(connection, kind="cpu")) == 1
        for here in (A, B):
            found = attempts.queued(connection, kind="cpu", here=here)
            silent = attempts.queued_without_reason(connection, limit=9, here=here)
            assert len(found) == len(silent) == (here.host in takers)
        assert runs.place_of(connection, "run") == (run["host"], run["place"])


def test_each_host_has_its_own_attempts(store: Database, add_run: AddRun) -> None:
    add_run("run", {"s": [], "t": []})
    with store.write() as connection:
        for stage, host in zip(views.stages(connection, "run"), "ab", strict=True):
            granted = attempts.grant(connection, stage, [Slot(host, "cpu", 0)], host=host)
            assert granted is not None
            if host == "b":
                claimed = attempts.claim(
                    connection, "run", stage.name, granted.celery_task_id or ""
                )
                assert claimed is not None
    with store.read() as connection:
        for here, lost in ((A, 1), (B, 0)):
            assert len(attempts.unclaimed(connection, sent_before=0, here=here)) == lost
        assert [stage.name for stage in views.running_on(connection, "b")] == ["t"]
        assert views.running_on(connection, "a") == []


@pytest.mark.parametrize(("asks", "is_taken"), [({}, True), ({"queue": "big"}, False)])
def test_a_host_without_queues_takes_stages_that_ask_for_none(
    store: Database, add_run: AddRun, asks: dict[str, str], is_taken: bool
) -> None:
    add_run("run", {"s": []}, **asks)
    with store.read() as connection:
        assert bool(attempts.queued(connection, here=HostView("a"))) == is_taken
