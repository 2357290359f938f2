"""The threads of searches and evaluations: when they turn, and why a trial has no values."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.execution.submitted import begin, submit
from tests.unit.store.readings import Feeder
from tests.unit.supervisor.waiting import wait_for
from trainui import clock, control, evaluation, search
from trainui.errors import install_advice
from trainui.execution.worker import member_threads
from trainui.execution.worker.member_threads import (
    FIRST_PAUSE,
    INSTALL,
    EvaluationThread,
    SearchThread,
)
from trainui.model.records import StageRecord
from trainui.model.states import Status
from trainui.plugin import SearchTask, registry
from trainui.plugin.records import Plugin
from trainui.plugins.optuna.study import SearchStudy
from trainui.search import MissingMetricWatch, SearchTurns
from trainui.store.db.engine import Database
from trainui.store.read import sweeps, views
from trainui.store.runs import attempts
from trainui.store.runs.attempts import Outcome

TEXT = """
stages:
  - name: train
    search:
      space: {x: [1, 2]}
      metric: val/loss
      goal: minimize
      trials: 4
      sampler: random
    run: echo ${search.x}
"""


class Thread:
    """A thread of searches with one search."""

    def __init__(self, store: Database, directory: Path) -> None:
        self.store = store
        self.run_id = submit(directory, TEXT)
        self.stopping = threading.Event()
        self.searches = SearchThread(store, self.stopping)

    def stage(self, number: int) -> StageRecord:
        with self.store.read() as connection:
            found = views.stage(connection, self.run_id, f"train[trial={number}]")
        assert found is not None
        return found

    def want(self, *numbers: int) -> None:
        self.searches.want([self.stage(number) for number in numbers])
        self.searches.poll(changed=True)

    def asked(self, number: int) -> StageRecord:
        def is_asked() -> StageRecord | None:
            stage = self.stage(number)
            return None if stage.is_unasked else stage

        return wait_for(is_asked, f"the values of trial {number}")

    def close(self) -> None:
        self.stopping.set()
        self.searches.stop(10)


@pytest.fixture
def thread(store: Database, tmp_path: Path) -> Any:
    found = Thread(store, tmp_path)
    yield found
    found.close()


def test_it_does_not_start_before_a_trial_could(thread: Thread) -> None:
    before = threading.active_count()
    thread.searches.poll(changed=True)
    assert threading.active_count() == before
    thread.want(0)
    assert thread.asked(0).definition.trial_params is not None


MISSING = INSTALL.format(module="optuna", advice=install_advice("search"))
BROKEN = "the worker cannot import what searches need: libm.so.6 is damaged; install it again"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModuleNotFoundError("No module named 'optuna'", name="optuna"), MISSING),
        (ImportError("libm.so.6 is damaged"), BROKEN),
    ],
)
def test_without_optuna_the_stage_names_the_package_then_continues(
    thread: Thread, monkeypatch: pytest.MonkeyPatch, error: ImportError, reason: str
) -> None:
    real, missing = registry.run, True

    def without_optuna(plugin: Plugin, *arguments: Any, **named: Any) -> Any:
        if missing:
            raise error
        return real(plugin, *arguments, **named)

    monkeypatch.setattr(member_threads, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(registry, "run", without_optuna)
    thread.want(0)
    wait_for(lambda: thread.stage(0).reason == reason, "the reason")
    missing = False
    assert thread.asked(0).reason is None


def test_a_failing_search_is_postponed_and_delays_no_other(
    thread: Thread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[Sequence[str]] = []

    def failing(self: SearchTurns, wanted: Sequence[str]) -> bool:
        if self._run.id != broken:
            return turn(self, wanted)
        failed.append(wanted)
        raise OSError("a broken study")

    broken, turn = thread.run_id, SearchTurns.turn
    monkeypatch.setattr(member_threads, "FIRST_PAUSE", 60.0)
    monkeypatch.setattr(SearchTurns, "turn", failing)
    thread.want(0)
    reason = "its values cannot be chosen: a broken study"
    wait_for(lambda: thread.stage(0).reason == reason, "the reason")
    thread.run_id = submit(tmp_path, TEXT)
    for number in range(4):
        thread.want(number)
        thread.asked(number)
    assert len(failed) == 1


def test_a_run_deleted_during_a_turn_is_forgotten(
    thread: Thread,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def deleting(self: SearchStudy, number: int) -> dict[str, Any]:
        if self.file.name.startswith(deleted):
            control.cancel(deleted)
            control.remove(deleted)
        return ask(self, number)

    deleted, ask = thread.run_id, SearchStudy.ask
    monkeypatch.setattr(SearchStudy, "ask", deleting)
    thread.want(0)
    thread.run_id = submit(tmp_path, TEXT)
    thread.want(0)
    thread.asked(0)
    assert "failed" not in caplog.text


def test_studies_in_use_stay_open_beyond_the_limit(
    thread: Thread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counting(plugin: Plugin, where: str, *arguments: Any, **named: Any) -> Any:
        opened.extend(one.name.partition("/")[0] for one in arguments if type(one) is SearchTask)
        return run(plugin, where, *arguments, **named)

    opened: list[str] = []
    run = registry.run
    monkeypatch.setattr(registry, "run", counting)
    monkeypatch.setattr(member_threads, "MOST_OPEN", 1)
    runs = [thread.run_id, submit(tmp_path, TEXT)]
    for number in range(2):
        wanted = []
        for thread.run_id in runs:
            wanted.append(thread.stage(number))
        thread.searches.want(wanted)
        thread.searches.poll(changed=True)
        for thread.run_id in runs:
            thread.asked(number)
    assert sorted(opened) == sorted(runs)


def test_the_last_trial_ends_with_all_points_reported(
    thread: Thread, store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LONGEST_TURN", 0.0)
    one = TEXT.replace("trials: 4", "trials: 1").replace("sampler: random", "prune: median")
    thread.run_id = submit(tmp_path, one)
    thread.want(0)
    thread.asked(0)
    context = begin(store, thread.run_id, "train[trial=0]")
    Feeder(store, context.stage.id).feed({"val/loss": [(step, 1.0) for step in range(3)]})
    with store.write() as connection:
        attempts.end(connection, context.attempt.id, Outcome(Status.COMPLETED, clock.now()))
    thread.searches.poll(changed=True)

    def is_told() -> bool:
        with store.read() as connection:
            return not sweeps.is_any_unreported(connection, [thread.run_id])

    wait_for(is_told, "the outcome")


def test_a_missing_metric_is_named_while_the_trial_runs(
    thread: Thread, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MISSING_AFTER", 0)
    monkeypatch.setattr(search, "MISSING_EVERY", 0)
    thread.want(0)
    thread.asked(0)
    context = begin(store, thread.run_id, "train[trial=0]")
    watch = MissingMetricWatch(store)
    feeder = Feeder(store, context.stage.id)
    feeder.feed({"train/loss": [(0, 1.0)]})
    watch.look([thread.stage(0)])
    assert thread.stage(0).reason == "no points of val/loss so far; has: train/loss"
    feeder.feed({"val/loss": [(0, 1.0)]})
    watch.look([thread.stage(0)])
    assert thread.stage(0).reason is None


def test_a_failing_evaluation_is_put_off_longer_each_time(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, now = list[float](), [0.0]

    def turn() -> float:
        turns.append(now[0])
        raise ValueError("a bug")

    monkeypatch.setattr(evaluation, "Evaluator", lambda *_: SimpleNamespace(turn=turn))
    monkeypatch.setattr(member_threads, "time", SimpleNamespace(monotonic=lambda: now[0]))
    thread = EvaluationThread(store, threading.Event())
    monkeypatch.setattr(thread, "_due", lambda: {"evaluation": None})
    assert thread._turn() == FIRST_PAUSE
    assert thread._turn() == FIRST_PAUSE, "it is not due yet"
    now[0] = FIRST_PAUSE
    assert thread._turn() == 2 * FIRST_PAUSE
    assert turns == [0.0, FIRST_PAUSE]
