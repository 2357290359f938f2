"""What a box's screen data means here: ids of runs, and moments where its clock is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from tests.unit.store.readings import Feeder
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for
from tests.unit.tui.filled import Filler
from trainui import clock, paths
from trainui.clock import SECOND
from trainui.control import box_runs, boxes
from trainui.control.boxes import Box, BoxConnection, BoxError
from trainui.model.headline_metric import ComparedMetric
from trainui.store.points.plot_points import Axis
from trainui.tui import box_agent, box_feed, box_wire, run_actions
from trainui.tui.curve_data import Comparison, CurvesWanted, PlotOptions
from trainui.tui.readers.poller import Poller
from trainui.tui.snapshot import (
    DetailTab,
    Eta,
    ListedMetrics,
    ListQuery,
    MetricQuery,
    Query,
    RunEta,
    RunLive,
    RunQuery,
    Snapshot,
    metric_title,
)

AHEAD = 3 * 3600 * SECOND


def read(query: Query) -> Snapshot:
    """Return what a poller reads first for a query."""
    found: list[Snapshot] = []
    poller = Poller(found.append, query)
    poller.start()
    try:
        while not found or found[-1].query != query or found[-1].loading:
            pass
    finally:
        poller.stop()
    return found[-1]


def test_a_query_is_translated_and_its_answer_back(filler: Filler) -> None:
    first, second = (filler.run({"a": ()}, name=name) for name in ("x", "y"))
    for run_id in (first, second):
        feeder = Feeder(filler.store, filler.stage(run_id, "a").id)
        for step in range(5):
            feeder.feed({"loss": [(step, 1 / (1 + step))]}, time=clock.now() + step * SECOND)
    view = PlotOptions(axis=Axis.WALL)
    wanted = CurvesWanted(view=view, compared=Comparison(runs=(f"gpu2:{second}",)), candidates=True)
    query = MetricQuery(f"gpu2:{first}", "a", wanted)
    asked = box_feed.query_there(query, "gpu2", AHEAD)
    assert isinstance(asked, MetricQuery)
    assert (asked.run_id, asked.curves.compared.runs) == (first, (second,))

    plain = read(asked)
    data = box_wire.to_data(plain, Snapshot)
    moved = box_feed.snapshot_here(box_wire.from_data(data, Snapshot, AHEAD), "gpu2", AHEAD)
    assert moved.query == query
    assert moved.curves_page is not None
    assert plain.curves_page is not None
    curves, before = moved.curves_page.curves, plain.curves_page.curves
    assert f"gpu2:{second}" in {one.series.run for one in curves.candidates}
    assert len(curves.charts[0].lines) == 2
    hours = AHEAD / SECOND
    for chart, other in zip(curves.charts, before.charts, strict=True):
        assert chart.low == other.low - hours
        assert chart.lines[0].end == other.lines[0].end - hours
        known = [x for x in other.lines[0].at if x == x]
        assert chart.lines[0].known == [x - hours for x in known]


def test_a_window_on_the_wall_clock_is_moved_there_and_back() -> None:
    view = PlotOptions(axis=Axis.WALL, window=(10.0, 20.0), cursor=15.0)
    query = RunQuery("gpu2:r", curves=CurvesWanted(view=replace(view, convert=view)))
    asked = box_feed.query_there(query, "gpu2", 5 * SECOND)
    assert isinstance(asked, RunQuery)
    assert asked.curves is not None
    assert asked.curves.view.window == (15.0, 25.0)
    assert asked.curves.view.convert is not None
    assert asked.curves.view.convert.cursor == 20.0
    back = box_feed.snapshot_here(Snapshot(asked), "gpu2", 5 * SECOND)
    assert back.query == query


def test_runs_of_other_machines_are_not_asked_of_a_box() -> None:
    compared = Comparison(runs=("own", "gpu1:a", "gpu2:b"))
    query = RunQuery("gpu2:r", curves=CurvesWanted(compared=compared))
    asked = box_feed.query_there(query, "gpu2", 0)
    assert isinstance(asked, RunQuery)
    assert asked.curves is not None
    assert asked.curves.compared.runs == ("b",)


def test_estimated_ends_that_slide_are_sent_seldom() -> None:
    sent: list[Any] = []

    class Recorder(box_agent.Agent):
        def __init__(self) -> None:
            pass

        def send(self, message: Any) -> int:
            sent.append(message)
            return 0

    pages = box_agent.Pages(Recorder())
    listed = Snapshot(ListQuery(), endings={"r": Eta(10 * SECOND, whole=True)})
    pages._deliver(listed)
    pages._deliver(listed._replace(endings={"r": Eta(18 * SECOND, whole=True)}))
    assert len(sent) == 1
    pages._deliver(listed._replace(endings={}))
    pages._deliver(listed)
    pages._deliver(Snapshot(ListQuery(), endings=listed.endings, loading=True))
    assert len(sent) == 4


class Lost(NamedTuple):
    """Feeds with the box `gpu2`, which are not started, and what they deliver."""

    feeds: box_feed.Feeds
    found: list[Snapshot]

    @property
    def feed(self) -> box_feed.BoxFeed:
        feed = self.feeds.feed(PAGE.run_id)
        assert feed is not None
        return feed


PAGE = RunQuery("gpu2:r")
SILENT = "gpu2 has sent nothing for 80 s"


@pytest.fixture
def lost(home: Path) -> Lost:
    home.mkdir(exist_ok=True)
    paths.home().boxes.write_text('{"boxes": {"gpu2": {"host": "gpu2"}}}')
    found: list[Snapshot] = []
    return Lost(box_feed.Feeds(found.append, Poller(found.append, ListQuery())), found)


def with_metric(run_id: str, *names: str) -> Snapshot:
    """Return a list in which a run is shown by the first of these metrics."""
    metrics = [ComparedMetric.of(name) for name in names]
    titles = {metric_title(one): one for one in metrics}
    return Snapshot(
        ListQuery(),
        listed=ListedMetrics(titles, tuple(titles)),
        live={run_id: RunLive(metrics[0], value=0.5)},
    )


def test_a_metric_that_boxes_spell_otherwise_has_one_column(lost: Lost) -> None:
    lost.feed.listed = with_metric("gpu2:r", "val_loss", "f1")
    both = box_feed.merged(with_metric("own", "val/loss"), [lost.feed])
    assert both.listed.columns == ("val/loss best", "f1 best")
    assert set(both.listed.titles) == {*both.listed.columns}
    assert [one.title for one in both.live.values()] == ["val/loss best"] * 2


@pytest.mark.parametrize("query", [PAGE, replace(PAGE, tab=DetailTab.EVENTS)])
def test_a_page_asked_of_a_lost_box_says_that_it_is_lost(lost: Lost, query: RunQuery) -> None:
    lost.feed.snapshot = Snapshot(PAGE)
    lost.feed.problem = SILENT
    lost.feeds.set_query(query)
    assert len(lost.found) == 1
    assert "has sent nothing for 80 s" in lost.found[0].health.away[0]


def test_a_box_lost_before_its_page_came_is_said_on_the_page(lost: Lost) -> None:
    lost.feed.snapshot = Snapshot(ListQuery())  # what was read last
    lost.feeds.set_query(PAGE)
    assert not lost.found
    lost.feed.problem = SILENT
    lost.feed._changed(lost.feed)
    assert lost.found == [Snapshot(PAGE, problem=SILENT)]


def test_the_time_of_a_run_is_kept_until_its_box_was_seen(filler: Filler, home: Path) -> None:
    run_id = filler.run({"a": ()})
    filler.start(run_id, "a", ago=300.0)
    (run,) = read(ListQuery()).runs
    seen_at = clock.now()
    box_runs.keep("gpu2", [box_runs.as_row(run, seen_at)], seen_at)
    seen, (kept,) = box_runs.known("gpu2")
    line = box_runs.as_line(kept, "gpu2", seen)
    worked = line.worked_until(seen_at + 3600 * SECOND)
    assert worked == pytest.approx(300 * SECOND, abs=60 * SECOND)


def test_a_run_of_a_lost_box_has_no_time_to_go(filler: Filler, lost: Lost) -> None:
    """It would count down on and on, although nothing is known of the run."""
    filler.run({"a": ()})
    found = read(ListQuery())
    (run,) = found.runs
    lost.feed.listed = found._replace(endings={run.id: Eta(clock.now() + 600 * SECOND, True)})
    lost.feed._lose()
    both = box_feed.merged(Snapshot(ListQuery()), [lost.feed])
    assert [one.id for one in both.runs] == [run.id]
    assert not both.endings


def test_the_page_of_a_lost_box_shows_when_it_was_heard(filler: Filler, lost: Lost) -> None:
    run_id = filler.run({"a": ()})
    filler.start(run_id, "a", ago=300.0)
    found = read(RunQuery(run_id))
    assert found.page is not None
    eta = RunEta(Eta(clock.now() + 600 * SECOND, whole=True), {})
    lost.feed.seen_at = clock.now() - 60 * SECOND
    lost.feed.snapshot = found._replace(query=PAGE, page=found.page._replace(eta=eta))
    for problem, now, to_go in (("", clock.now(), eta), (SILENT, lost.feed.seen_at, None)):
        lost.feed.problem = problem
        lost.feeds._query, lost.feeds._open = PAGE, "gpu2"
        lost.feed._changed(lost.feed)
        page = lost.found[-1].page
        assert page is not None
        assert page.now == pytest.approx(now, abs=30 * SECOND)
        assert page.eta == to_go


def test_a_feed_that_is_stopped_before_the_greeting_leaves_no_ssh(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the network is away while the screen is closed."""
    ssh, started = tmp_path / "ssh", tmp_path / "started"
    ssh.write_text(
        f"#!/bin/sh\necho $$ > {started}.new\nmv {started}.new {started}\nexec sleep 60\n"
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    feed = box_feed.BoxFeed(Box("gpu2", "gpu2"), lambda _: None)
    feed.start()
    wait_for(started.exists, "the start of ssh")
    feed.stop()
    try:
        feed.join()
        assert not is_alive(read_pid(started))
    finally:
        with suppress(ProcessLookupError):
            os.kill(read_pid(started), signal.SIGKILL)


class Hung(NamedTuple):
    """A connection over which nothing comes, and its clock."""

    box: Box
    passed: list[float]

    def send(self, **_: object) -> None:
        """Take what nobody reads."""

    def receive(self, timeout: float) -> None:
        self.passed.append(timeout)


def test_a_silent_box_is_given_up_after_the_time_it_is_said_to_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed: list[float] = []
    monkeypatch.setattr("time.monotonic", lambda: sum(passed))
    with pytest.raises(boxes.BoxError, match="has sent nothing for 80 s"):
        list(boxes.messages(cast("BoxConnection", Hung(Box("gpu2", "gpu2"), passed))))
    assert sum(passed) == boxes.SILENT_AFTER


AGENT = """
import os, sys
from trainui import installation
from trainui.tui import box_agent
installation._AT_OUR_START = ()
installation._look = lambda: tuple(os.listdir(sys.argv[1]))
box_agent.Agent().serve()
"""


def test_an_agent_with_open_pages_ends_after_an_upgrade(home: Path, tmp_path: Path) -> None:
    """The screen connects again, and gets an agent of the new version."""
    installed = tmp_path / "installed"
    installed.mkdir()
    query = box_wire.to_data(ListQuery(), Query)
    request = json.dumps({"do": "watch", "query": query}).encode() + b"\n"
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(installed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TRAINUI_HOME": str(home)},
    )
    with agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        agent.stdin.write(request)
        agent.stdin.flush()
        while b'"page"' not in agent.stdout.readline():
            assert agent.poll() is None
        (installed / "new").touch()
        _, said = agent.communicate(request)
        assert said.decode().strip() == box_agent.UPGRADED


def test_a_late_answer_is_said_at_once_and_at_its_end(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `x` where the box hangs: nothing would be said for a minute."""
    monkeypatch.setattr(box_feed, "LATE", 0.01)
    monkeypatch.setattr(box_feed, "COMMAND_TIMEOUT", 0.5)
    monkeypatch.setattr(lost.feed, "_send", lambda **_: True)
    lost.feed.snapshot = Snapshot(PAGE)
    lost.feeds.set_query(PAGE)
    with pytest.raises(BoxError, match="gpu2 has not answered for"):
        lost.feed.call(run_actions.cancel, "r", None)
    before, late, after = (one.health.away for one in lost.found)
    assert not before
    assert late[0].startswith("what was sent to gpu2 at ")
    assert not after
