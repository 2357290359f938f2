"""What a wait returns, and that no event is missed or given twice, whatever is restarted."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.supervisor.waiting import wait_for
from tests.unit.tui.filled import Filler
from trainui import paths
from trainui.control import cancellation, news
from trainui.control.news import DatabaseChanges, News
from trainui.errors import NotFoundError, UsageError
from trainui.model.records import AttemptRecord
from trainui.model.states import BEST, CAUSE, Status
from trainui.store.db.engine import Database, open_store
from trainui.store.read import views
from trainui.store.runs import runs

CAUSE_OF_END = {"id": "cuda_oom", "text": "CUDA ran out of memory", "evidence": "OutOfMemoryError"}


class Scene:
    """Runs of one stage each, and waits for them."""

    def __init__(self, store: Database, directory: Path) -> None:
        self.store, self.filler = store, Filler(store, directory / "runs")
        self.changes = DatabaseChanges()
        self.attempts: dict[str, AttemptRecord] = {}

    def start(self, name: str) -> str:
        run = self.filler.run({"train": ()}, name=name, outputs=())
        self.attempts[run] = self.filler.start(run, "train")
        return run

    def complete(self, run: str) -> None:
        self.filler.end(self.attempts[run])

    def fail(self, run: str) -> None:
        stage = self.filler.stage(run, "train")
        with self.store.write() as connection:
            text = f"train: {CAUSE_OF_END['text']}"
            where = (connection, stage, CAUSE, text)
            runs.record_stage_event(*where, attempt=stage.attempt, data=CAUSE_OF_END)
        self.filler.end(self.attempts[run], status=Status.FAILED, error="exit code 1")

    def wait(self, cursor: str | None = None, run: str | None = None, seconds: float = 0.0) -> News:
        return news.wait(cursor, run, seconds, self.changes, most=5)


@pytest.fixture
def scene(store: Database, tmp_path: Path) -> Scene:
    return Scene(store, tmp_path)


def kinds(found: News) -> list[tuple[str, str]]:
    return [(one.kind, one.name) for one in found.changes]


def test_each_kind_of_news_ends_a_wait(scene: Scene) -> None:
    cursor = news.now()
    good, bad, slow = (scene.start(name) for name in ("good", "bad", "slow"))
    quiet = scene.wait(cursor)
    assert (quiet.reason, quiet.changes, quiet.others["started"]) == ("timeout", (), 3)
    scene.complete(good)
    ended = scene.wait(quiet.cursor)
    assert (ended.reason, kinds(ended)) == ("ended", [("ended", "good")])
    assert ended.changes[0].status == "completed"
    scene.fail(bad)
    failed = scene.wait(ended.cursor)
    assert (failed.reason, kinds(failed)) == ("failed", [("failed", "bad"), ("ended", "bad")])
    assert failed.changes[0].data == CAUSE_OF_END
    with scene.store.write() as connection:
        stage = views.stage(connection, slow, "train")
        assert stage is not None
        runs.record_stage_event(connection, stage, BEST, "train: best", data={"value": 1.0})
    best = scene.wait(failed.cursor)
    assert (best.reason, best.changes[0].data) == ("best", {"value": 1.0})


def test_a_cursor_gives_each_event_once(scene: Scene) -> None:
    cursor = start = news.now()
    for number in range(12):
        scene.complete(scene.start(f"r{number}"))
    seen = []
    while (found := scene.wait(cursor)).changes:
        seen += [one.name for one in found.changes]
        cursor = found.cursor
    assert seen == [f"r{number}" for number in range(12)]
    again = news.wait(start, None, 0.0, DatabaseChanges(), most=100)
    assert [one.name for one in again.changes] == seen


def test_a_wait_is_woken_by_a_write(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "LOOKS_EVERY", 600.0)
    run = scene.start("one")
    cursor = news.now()
    with closing(scene.changes), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(scene.wait, cursor, run, 60.0)
        wait_for(lambda: scene.changes.count() > 0, "the watch has begun")
        scene.complete(run)
        assert waiting.result(timeout=30).reason == "ended"


def test_a_wait_that_is_given_up_ends(scene: Scene) -> None:
    stopped = threading.Event()
    stopped.set()
    began = time.monotonic()
    news.wait(None, scene.start("one"), 40.0, scene.changes, most=5, stopped=stopped)
    assert time.monotonic() - began < 30


def test_a_run_that_has_ended_is_not_waited_for(scene: Scene) -> None:
    run = scene.start("one")
    scene.complete(run)
    found = scene.wait(None, run, 60.0)
    assert (found.reason, found.changes) == ("ended", ())


def test_only_the_given_run_ends_a_wait(scene: Scene) -> None:
    cursor, run = news.now(), scene.start("one")
    scene.complete(scene.start("other"))
    found = scene.wait(cursor, run)
    assert found.reason == "timeout"
    assert scene.wait(found.cursor).reason == "timeout"


def test_a_cursor_of_another_home_is_refused(scene: Scene) -> None:
    scene.start("one")
    home, number, moment = news.now().split(".")
    other = "0" * 8 if home != "0" * 8 else "1" * 8
    with pytest.raises(UsageError, match="is of another home"):
        scene.wait(f"{other}.{number}.{moment}")
    for wrong in ("", "x", f"{home}.1", f"{home}.-1.0", f"{home}.1.1.1"):
        with pytest.raises(UsageError, match="is no cursor"):
            scene.wait(wrong)


def test_events_taken_back_are_not_missed(scene: Scene) -> None:
    """As after a power failure: the newest events are gone, and their numbers are used again."""
    first = scene.start("one")
    begun = news.now()
    for run in (first, *(scene.start(f"lost {number}") for number in range(5))):
        scene.complete(run)
    ahead = news.now()
    with scene.store.write() as connection:
        number = int(begun.split(".")[1])
        connection.execute("DELETE FROM events WHERE id > ?", (number,))
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (number,))
    scene.complete(scene.start("two"))
    assert kinds(scene.wait(ahead)) == [("ended", "two")]


def test_a_deleted_run_does_not_disturb_a_cursor(scene: Scene) -> None:
    run = scene.start("one")
    scene.complete(run)
    cursor = news.now()
    cancellation.remove(run)
    assert scene.wait(cursor).changes == ()
    with pytest.raises(NotFoundError, match="was deleted"):
        scene.wait(cursor, run)
    scene.complete(scene.start("two"))
    assert kinds(scene.wait(cursor)) == [("ended", "two")]


def test_a_cursor_of_before_the_home_gives_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "new"))
    cursor = news.now()
    assert news.wait(cursor, None, 0.0, DatabaseChanges(), most=5).cursor == cursor
    scene = Scene(open_store(), tmp_path)
    scene.complete(scene.start("one"))
    assert kinds(scene.wait(cursor)) == [("ended", "one")]
    assert paths.home().root == tmp_path / "new"
