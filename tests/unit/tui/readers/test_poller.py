"""The poller: one snapshot for each change, none where nothing has changed."""

from __future__ import annotations

import errno
import math
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.compiling import library
from tests.unit.supervisor.waiting import wait_for
from tests.unit.tui.filled import DIAMOND, Filler, running_demo, training
from trainui import clock, installation, paths, settings
from trainui.execution.processes import Lock
from trainui.model.states import Status
from trainui.store.db.engine import open_store
from trainui.store.runs import runs
from trainui.supervisor import protocol
from trainui.tui.curve_data import CurvesWanted
from trainui.tui.readers import curve_reader
from trainui.tui.readers import poller as feed_module
from trainui.tui.readers.database import FileWatch
from trainui.tui.readers.page_reader import FIRST_STAGES
from trainui.tui.readers.poller import Poller
from trainui.tui.snapshot import Query, RunQuery, Snapshot
from trainui.tui.terminal import UPGRADED


class Received:
    """Collects snapshots, and waits for one that fits."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self._condition = threading.Condition()

    def __call__(self, snapshot: Snapshot) -> None:
        with self._condition:
            self.snapshots.append(snapshot)
            self._condition.notify_all()

    def wait_for(self, fits: Callable[[Snapshot], bool], timeout: float = 60.0) -> Snapshot:
        def last_fits() -> bool:
            return bool(self.snapshots) and fits(self.snapshots[-1])

        with self._condition:
            found = self._condition.wait_for(last_fits, timeout)
        assert found, f"not seen within {timeout} s; the last was {self.snapshots[-1:]}"
        return self.snapshots[-1]


@contextmanager
def feeding(wanted: Query | None = None) -> Iterator[tuple[Poller, Received]]:
    received = Received()
    feed = Poller(received, wanted)
    feed.start()
    try:
        yield feed, received
    finally:
        feed.stop()


def looks(feed: Poller, count: int) -> None:
    """Wait until the feed has looked for changes that often."""
    seen = 0
    original = feed._source.has_changed
    done = threading.Event()

    def counted(*, beyond: bool) -> bool:
        nonlocal seen
        seen += 1
        if seen > count:
            done.set()
        return original(beyond=beyond)

    feed._source.has_changed = counted  # type: ignore[method-assign, assignment]
    assert done.wait(60)


def test_the_first_request_is_answered_by_itself(filler: Filler) -> None:
    run_id = filler.run(DIAMOND)
    with feeding() as (_, received):
        snapshot = received.wait_for(lambda s: len(s.runs) == 1)
    assert snapshot.runs[0].id == run_id


def test_nothing_is_handed_over_while_nothing_changes(filler: Filler) -> None:
    filler.run(DIAMOND)
    with feeding() as (feed, received):
        received.wait_for(lambda s: len(s.runs) == 1)
        looks(feed, 3)
        assert len(received.snapshots) == 1


def test_a_change_that_another_process_commits_is_seen(filler: Filler) -> None:
    run_id = filler.run(DIAMOND)
    with feeding() as (_, received):
        received.wait_for(lambda s: len(s.runs) == 1)
        filler.start(run_id, "prepare")
        received.wait_for(lambda s: s.runs[0].status == Status.RUNNING)


def test_the_time_to_go_follows_what_a_training_only_prints(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "ESTIMATE_AGE", 0.1)
    run_id = filler.run({"train": ()})
    directory = Path(filler.start(run_id, "train", ago=60).directory)
    with feeding() as (_, received):
        received.wait_for(lambda s: len(s.runs) == 1 and not s.endings)
        text, times, begun = "", "", clock.now() - 50 * clock.SECOND
        for at in range(1, 11):
            text += f"epoch {at}/20 loss 0.5\n"
            times += f"{begun + 5 * at * clock.SECOND} {len(text)} 0\n"
        (directory / protocol.TIMES_FILE).write_text(times)
        (directory / protocol.STDOUT_FILE).write_text(text)
        received.wait_for(lambda s: run_id in s.endings)


@pytest.fixture
def never_looks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a feed at rest look only where the kernel reports a change."""
    if settings.load().database_url is not None:
        pytest.skip("the kernel does not report changes of a database server's files")
    monkeypatch.setattr(feed_module, "REST", 1000.0)


def resting(feed: Poller) -> None:
    """Wait until a feed looks no more by itself."""
    wait_for(lambda: feed._poll_delay() == 1000.0, "the feed's rest")


def test_kernel_reports_are_seen_with_nobody_looking(
    never_looks: None, filler: Filler, home: Path
) -> None:
    from trainui.execution import processes

    run_id = filler.run(DIAMOND)
    with feeding() as (feed, received):
        received.wait_for(lambda s: len(s.runs) == 1)
        resting(feed)
        filler.start(run_id, "prepare")
        received.wait_for(lambda s: s.runs[0].status == Status.RUNNING)
        (home / "worker").mkdir(mode=0o700, exist_ok=True)
        with held(processes.acquire_lock(home / "worker" / "worker.lock")):
            received.wait_for(lambda s: not s.health.trouble)


def test_a_home_that_is_made_again_is_watched_again(
    never_looks: None, home: Path, empty_database: Path
) -> None:
    def made() -> Filler:
        home.mkdir(mode=0o700)
        shutil.copy(empty_database, home / "trainui.db")
        return Filler(open_store(), home / "runs")

    filler = made()
    filler.run({"a": ()})
    with feeding() as (feed, received):
        received.wait_for(lambda s: len(s.runs) == 1)
        resting(feed)
        filler.store.close()
        shutil.rmtree(home)
        filler = made()
        received.wait_for(lambda s: s.runs == () and s.problem is None)
        resting(feed)
        filler.run({"b": ()})
        received.wait_for(lambda s: len(s.runs) == 1)


def test_a_watch_that_the_kernel_refuses_is_replaced_by_looking(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = filler.run(DIAMOND)
    monkeypatch.setattr("watchfiles.watch", refused)
    with feeding() as (feed, received):
        received.wait_for(lambda s: len(s.runs) == 1)
        wait_for(lambda: not feed._watch.sees(), "the refusal")
        filler.start(run_id, "prepare")
        received.wait_for(lambda s: s.runs[0].status == Status.RUNNING)


def refused(*_paths: Path, **_options: object) -> None:
    raise OSError(errno.ENOSPC, "OS file watch limit reached")


SLOW_COMMIT = """\
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("UPDATE runs SET name = 'renamed'")
database.execute("INSERT INTO events (run_id, time, kind, text) SELECT id, 0, 'run', '' FROM runs")
"""


def test_a_change_stored_after_the_kernels_report_is_seen(
    never_looks: None, filler: Filler, home: Path
) -> None:
    slow = library(Path(__file__).parents[3] / "faults" / "slow_wal.c", "slow_wal.so")
    filler.run(DIAMOND)
    with feeding() as (feed, received):
        received.wait_for(lambda s: len(s.runs) == 1)
        resting(feed)
        command = [sys.executable, "-c", SLOW_COMMIT, str(home / "trainui.db")]
        subprocess.run(command, check=True, env={"LD_PRELOAD": str(slow)})
        received.wait_for(lambda s: s.runs[0].name == "renamed")


def held(lock: Lock | None) -> Lock:
    assert lock is not None
    return lock


def test_points_that_no_page_shows_wake_no_page(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "ESTIMATE_AGE", math.inf)
    run_id = filler.run({"train": ()})
    filler.start(run_id, "train")
    feeder = filler.curves(run_id, "train")
    with feeding() as (feed, received):
        received.wait_for(lambda s: len(s.runs) == 1)
        count = 0
        while len(received.snapshots) > count:  # the second has what is read after the first
            count = len(received.snapshots)
            looks(feed, 3)
        feeder.feed(training(10, 300))
        looks(feed, 3)
        assert len(received.snapshots) == count


def test_a_large_page_brings_first_stages_then_all(filler: Filler) -> None:
    count = 3 * FIRST_STAGES
    large = {f"s{n}": (f"s{n - 1}",) if n else () for n in range(count)}
    run_id = filler.run(large)
    with feeding(RunQuery(run_id)) as (_, received):
        received.wait_for(lambda s: s.page is not None and len(s.page.stages) == count)
    first, whole = received.snapshots[0].page, received.snapshots[-1].page
    assert first is not None
    assert whole is not None
    assert [stage.name for stage in first.stages] == list(large)[:FIRST_STAGES]
    assert (first.more, whole.more) == (2 * FIRST_STAGES, 0)


def test_a_page_brings_stage_and_curves(filler: Filler) -> None:
    run_id = running_demo(filler)
    wanted = RunQuery(run_id, stage="train[hidden=128]", curves=CurvesWanted(columns=40))
    with feeding(wanted) as (_, received):
        snapshot = received.wait_for(
            lambda s: bool(s.page and s.page.detail and s.page.detail.curves)
        )
    assert snapshot.page is not None
    detail = snapshot.page.detail
    assert detail is not None
    assert detail.curves is not None
    assert [curve.name for curve in detail.curves.figures][:2] == ["train/loss", "val/accuracy"]
    assert {len(chart.lines[0].lows) for chart in detail.curves.charts} == {40}


def test_figures_are_of_the_same_points_as_their_curves(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curve_reader, "PERIOD", 1.0)
    run_id = running_demo(filler)
    feeder = filler.curves(run_id, "train[hidden=128]")
    wanted = RunQuery(run_id, stage="train[hidden=128]")

    def seen(snapshot: Snapshot) -> tuple[float | None, float]:
        """Return the last step by the figures, and the end of the curve."""
        curves = snapshot.curves
        chart = None if curves is None else curves.chart("train/loss")
        if curves is None or chart is None:
            return None, 0.0
        return curves.figures[0].last_step, chart.lines[0].end

    with feeding(wanted) as (_, received):
        received.wait_for(lambda s: seen(s) == (299, 299))
        feeder.feed(training(10, 300))
        received.wait_for(lambda s: seen(s) == (309, 309))
        assert set(map(seen, received.snapshots)) == {(None, 0.0), (299, 299), (309, 309)}
        assert received.snapshots[-1].curves is not None
        assert received.snapshots[-1].curves.due == math.inf


def test_without_a_database_the_first_run_is_noticed(home: Path) -> None:
    with feeding() as (_, received):
        received.wait_for(lambda s: s.no_runs_yet)
        assert not home.exists(), "looking must make nothing"
        filler = Filler(open_store(), home / "runs")
        filler.run(DIAMOND)
        received.wait_for(lambda s: len(s.runs) == 1)


def test_a_run_that_is_removed_is_gone_from_its_page(filler: Filler) -> None:
    run_id = filler.run({"a": ()})
    filler.complete(run_id, "a")
    with feeding(RunQuery(run_id)) as (_, received):
        received.wait_for(lambda s: s.page is not None)
        with filler.store.write() as connection:
            runs.remove(connection, run_id)
        received.wait_for(lambda s: s.page is None)


def test_a_damaged_database_is_explained(home: Path) -> None:
    home.mkdir()
    (home / "trainui.db").write_bytes(b"this is no database" * 100)
    with feeding() as (_, received):
        snapshot = received.wait_for(lambda s: s.problem is not None)
    assert "trainui.db" in (snapshot.problem or "")


def test_what_fails_after_an_upgrade_names_the_upgrade(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = filler.run({"a": ()})
    with feeding() as (feed, received):
        received.wait_for(lambda s: len(s.runs) == 1)
        monkeypatch.setattr(installation, "_AT_OUR_START", ())
        monkeypatch.setattr(feed._source, "read", lambda _: 1 / 0)  # as with a new module
        feed.set_query(RunQuery(run_id))
        snapshot = received.wait_for(lambda s: s.problem is not None)
    assert snapshot.problem == UPGRADED


def test_a_pause_and_a_worker_are_reported(filler: Filler, home: Path) -> None:
    from trainui.execution import processes

    filler.run({"a": ()})
    with feeding() as (_, received):
        received.wait_for(lambda s: s.health.trouble == "no worker" and not s.paused)
        with filler.store.write() as connection:
            runs.set_flag(connection, "paused", "1")
        received.wait_for(lambda s: s.paused)
        (home / "worker").mkdir(mode=0o700, exist_ok=True)
        with held(processes.acquire_lock(home / "worker" / "worker.lock")):
            received.wait_for(lambda s: not s.health.trouble)


def test_a_failed_reading_is_retried(home: Path, empty_database: Path) -> None:
    home.mkdir()
    database = home / "trainui.db"
    database.touch()  # as while it is being made
    with feeding() as (_, received):
        received.wait_for(lambda s: s.no_runs_yet)
        database.write_bytes(empty_database.read_bytes())
        received.wait_for(lambda s: not s.no_runs_yet and s.problem is None)


def test_no_wish_is_lost_whenever_it_comes(filler: Filler) -> None:
    names = [filler.run({"a": ()}, name=f"run {n}") for n in range(2)]
    with feeding() as (feed, received):
        for turn in range(200):
            wanted = RunQuery(names[turn % 2])
            feed.set_query(wanted)
            received.wait_for(lambda s, wanted=wanted: s.query == wanted, timeout=20)  # type: ignore[misc]


@pytest.fixture
def reported() -> threading.Event:
    return threading.Event()


@pytest.fixture
def watch(home: Path, reported: threading.Event) -> Iterator[FileWatch]:
    if settings.load().database_url is not None:
        pytest.skip("a database server's files are elsewhere")
    home.mkdir()
    watch = FileWatch(reported.set)
    wait_for(watch.sees, "the begin of the watch")
    wait_for(lambda: is_reported(home, reported), "the begin of the watch")
    yield watch
    watch.close()


def is_reported(home: Path, reported: threading.Event) -> bool:
    """Change a file once all before is reported, and return whether that is reported soon."""
    while reported.wait(0.2):
        reported.clear()
    (home / "trainui.db-wal").touch()
    (home / "trainui.db-wal").write_bytes(b"frame")
    return reported.wait(0.5)


def test_a_directory_with_its_predecessors_inode_is_watched(
    watch: FileWatch, home: Path, reported: threading.Event
) -> None:
    inode = home.stat().st_ino
    for _ in range(100):
        for file in home.iterdir():
            file.unlink()
        home.rmdir()
        home.mkdir()
        if home.stat().st_ino == inode:
            break
    else:
        pytest.skip("this file system does not use inodes again")

    def is_watched() -> bool:
        watch.sees()
        return is_reported(home, reported)

    wait_for(is_watched, "a report from the new directory")


def test_a_directory_that_comes_later_is_watched(
    watch: FileWatch, home: Path, reported: threading.Event
) -> None:
    (home / "worker").mkdir()
    wait_for(watch.sees, "the begin of the watch")
    wait_for(lambda: is_reported(home / "worker", reported), "a report from it")


def test_a_directory_replacing_a_renamed_one_is_watched(
    watch: FileWatch, home: Path, reported: threading.Event
) -> None:
    home.rename(home.with_name("renamed"))
    home.mkdir()
    watch.sees()
    wait_for(watch.sees, "the begin of the watch")
    wait_for(lambda: is_reported(home, reported), "a report from the new directory")


def test_a_database_write_alone_looks_at_no_worker_or_broker(
    watch: FileWatch, home: Path, reported: threading.Event
) -> None:
    (home / "worker").mkdir()
    wait_for(watch.sees, "the begin of the watch")
    wait_for(lambda: is_reported(home, reported), "a report")
    assert watch.was_beyond_database()
    wait_for(lambda: is_reported(home, reported), "a report")
    assert not watch.was_beyond_database()
    (home / "worker" / "ended-worker.json").write_text("{}")
    wait_for(watch.was_beyond_database, "the report of the worker's file")
    (home / "trainui.db-wal").unlink()
    wait_for(watch.was_beyond_database, "the report of the file's end")


def test_a_calm_watch_reports_too(watch: FileWatch, home: Path, reported: threading.Event) -> None:
    for calm in (True, False):
        wait_for(lambda calm=calm: watch.sees(calm=calm), "the watch")  # type: ignore[misc]
        wait_for(lambda: is_reported(home, reported), "a report")


def test_an_open_screen_notes_that_it_is_seen(filler: Filler) -> None:
    filler.run(DIAMOND)
    seen = paths.home().screen_seen
    paths.make_private(seen.parent)  # as a worker's start does
    with feeding() as (_, received):
        received.wait_for(lambda one: bool(one.runs))
        wait_for(seen.exists, "the note")
    assert seen.stat().st_mode & 0o777 == 0o600
