"""Trials are pruned as a plain loop of Optuna prunes them, by their stored points alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from tests.unit.store.conftest import AddRun
from tests.unit.store.readings import Feeder, connect
from trainui import clock
from trainui import search as searcher
from trainui.model.definition import Prune, Search
from trainui.model.records import Slot, StageRecord
from trainui.model.states import Status
from trainui.plugin import SearchTask
from trainui.plugins.optuna.study import SearchStudy, explain_pruning, make_pruner
from trainui.search import Decision, TrialWatch
from trainui.store.db.engine import Database
from trainui.store.points import plot_points
from trainui.store.read import views
from trainui.store.read.sweeps import ASKED, TrialRecord
from trainui.store.runs import attempts, stage_requests
from trainui.store.runs.attempts import Outcome

STEPS = 12
Curves = list[list[float]]


def curves(count: int, goal: str) -> Curves:
    """Made curves with known ends: each goes to its own end at its own speed."""
    made, sign = [], 1 if goal == "minimize" else -1
    for number in range(count):
        end, speed = (number * 7 % count) / count, 3 + number * 5 % 11
        curve = (end + math.exp(-at / speed) + 0.05 * math.sin(at * number) for at in range(STEPS))
        made.append([sign * value for value in curve])
    return made


def plain_loop(pruner: optuna.pruners.BasePruner, made: Curves, direction: str) -> list[int | None]:
    """The step at which a loop of Optuna's own prunes each curve; None: it does not."""
    study = optuna.create_study(pruner=pruner, direction=direction, study_name="run/train")
    ends: list[int | None] = []
    for curve in made:
        trial = study.ask()
        ends.append(None)
        for step, value in enumerate(curve):
            trial.report(value, step)
            if trial.should_prune():
                ends[-1] = step
                break
        state = TrialState.COMPLETE if ends[-1] is None else TrialState.PRUNED
        study.tell(trial, min(curve) if state == TrialState.COMPLETE else None, state)
    return ends


class Loop:
    """A search of a made run: its points are fed, its decisions carried out."""

    def __init__(self, store: Database, add_run: AddRun, folder: Path, search: Search, count: int):
        self.store, self.search, self.folder = store, search, folder
        self.run = add_run("run", {f"t{number}": [] for number in range(count)})
        self.restart()

    def restart(self) -> None:
        """Open the study as the next worker does."""
        assert self.search.prune is not None
        file = self.folder / "train.study.db"
        self.opened = SearchStudy(SearchTask("run/train", self.search, file))
        self.storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
        self.study = optuna.load_study(study_name="run/train", storage=self.storage)
        self.watch = TrialWatch(self.opened, self.search)

    def stage(self, number: int) -> StageRecord:
        with self.store.read() as connection:
            stage = views.stage(connection, self.run, f"t{number}")
        assert stage is not None
        return stage

    def trial(self, number: int) -> TrialRecord:
        stage = self.stage(number)
        with self.store.read() as connection:
            *earlier, last = views.attempts_of_stage(connection, stage.id)
        was_pruned = any(one.pruning for one in earlier)
        return TrialRecord(stage, number, ASKED, None, None, None, last.pruning, was_pruned)

    def start(self, number: int, attempt: int = 1) -> Feeder:
        stage, place = self.stage(number), Slot("a-host", "cpu", number)
        with self.store.write() as connection:
            granted = attempts.grant(connection, stage, [place], host="a-host")
            assert granted is not None
            assert attempts.claim(connection, self.run, stage.name, str(granted.celery_task_id))
        if attempt == 1:
            assert self.study.ask().number == number
        return Feeder(self.store, stage.id, attempt=attempt, key=f"a{attempt}")

    def look(self, *numbers: int, saves: bool = True) -> list[Decision]:
        found = self.watch.look(connect(self.store), [self.trial(number) for number in numbers])
        if found:
            with self.store.write() as connection:
                searcher.request(connection, found)
        if saves:
            self.opened.flush()
        return found

    def end(self, number: int, status: Status) -> None:
        with self.store.write() as connection:
            attempt = views.attempts_of_stage(connection, self.stage(number).id)[-1]
            attempts.end(connection, attempt.id, Outcome(status, clock.now()))

    def tell(self, number: int, value: float | None) -> None:
        state = TrialState.COMPLETE if value is not None else TrialState.PRUNED
        self.study.tell(number, value, state)

    def known(self, number: int) -> Mapping[int, float]:
        """The values of a trial on the disk; the study has those of ended trials from before."""
        study = self.storage.get_study_id_from_name("run/train")
        trial = self.storage.get_trial_id_from_study_id_trial_number(study, number)
        return self.storage.get_trial(trial).intermediate_values


def search(by: str, goal: str = "minimize", **options: Any) -> Search:
    return Search("loss", goal, prune=Prune(by, options))


RULES = [
    search("MedianPruner", n_startup_trials=2),
    search("MedianPruner", "maximize", n_warmup_steps=5, interval_steps=3),
    search("PercentilePruner", percentile=25.0, n_startup_trials=2),
    search("HyperbandPruner", max_resource=STEPS),
    search("HyperbandPruner"),
    search("SuccessiveHalvingPruner", reduction_factor=2),
    search("ThresholdPruner", upper=1.2, n_warmup_steps=4),
    Search("loss", "minimize", prune=Prune("PatientPruner", {"patience": 2})),
    Search(
        "loss",
        "minimize",
        prune=Prune(
            "PatientPruner", {"patience": 1}, Prune("MedianPruner", {"n_startup_trials": 2})
        ),
    ),
    search("WilcoxonPruner"),
]


FEW = ("MedianPruner", "HyperbandPruner", "WilcoxonPruner")
"""The others are in the long suite."""


def only_long(rule: Search, few: Sequence[str] = FEW) -> list[pytest.MarkDecorator]:
    """Return the mark of a rule that only the long suite tries."""
    assert rule.prune is not None
    return [] if rule.prune.by in few else [pytest.mark.long]


@pytest.mark.parametrize(
    "rule", [pytest.param(one, marks=only_long(one)) for one in RULES], ids=lambda one: one.prune.by
)
def test_the_ends_are_those_of_a_plain_loop(
    store: Database, add_run: AddRun, tmp_path: Path, rule: Search
) -> None:
    """Also where many steps are stored at once, and where the worker is replaced."""
    made = curves(9, rule.goal)
    assert rule.prune is not None
    if rule.prune.by == "WilcoxonPruner":
        pytest.importorskip("scipy")
    expected = plain_loop(make_pruner(rule.prune), made, rule.goal)
    loop, ends = Loop(store, add_run, tmp_path, rule, len(made)), []
    for number, curve in enumerate(made):
        feeder, found = loop.start(number), []
        for first in range(0, STEPS, 4):
            feeder.feed({"loss": list(enumerate(curve))[first : first + 4]})
            found = loop.look(number)
            if found:
                break
        ends.append(found[0].pruning.step if found and found[0].pruning else None)
        loop.end(number, Status.PRUNED if found else Status.COMPLETED)
        loop.tell(number, None if found else min(curve))
        last = STEPS - 1 if ends[-1] is None else ends[-1]
        assert loop.known(number) == dict(list(enumerate(curve))[: last + 1])
        if number % 4 == 3 and rule.prune.by != "HyperbandPruner":  # its `auto` is of a process
            loop.restart()
    assert ends == expected
    never = ("PatientPruner", "WilcoxonPruner")
    assert rule.prune.by in never or any(end is not None for end in ends)


def plain_rounds(
    pruner: optuna.pruners.BasePruner, made: Curves, direction: str, places: int
) -> list[int]:
    """How many steps of each curve a loop of Optuna's own trains, so many curves at once."""
    study = optuna.create_study(pruner=pruner, direction=direction, study_name="run/train")
    steps: list[int] = [0] * len(made)
    live: dict[int, optuna.Trial] = {}
    while len(study.trials) < len(made) or live:
        for _ in range(len(live), min(places, len(live) + len(made) - len(study.trials))):
            trial = study.ask()
            live[trial.number] = trial
        pruned = set()
        for number, trial in live.items():
            trial.report(made[number][steps[number]], steps[number])
            steps[number] += 1
            if trial.should_prune():
                pruned.add(number)
        for number in [one for one in live if one in pruned or steps[one] == STEPS]:
            state = TrialState.PRUNED if number in pruned else TrialState.COMPLETE
            value = None if number in pruned else min(made[number])
            study.tell(live.pop(number), value, state)
    return steps


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        pytest.param(rule, (16, 4)[at % 2], marks=only_long(rule, few=FEW[::2]))
        for at, rule in enumerate(RULES[1::2])
    ],
    ids=lambda one: getattr(getattr(one, "prune", None), "by", str(one)),
)
def test_many_at_once_train_the_steps_of_a_plain_loop(
    store: Database, add_run: AddRun, tmp_path: Path, rule: Search, places: int
) -> None:
    made = curves(18, rule.goal)
    assert rule.prune is not None
    if rule.prune.by == "WilcoxonPruner":
        pytest.importorskip("scipy")
    expected = plain_rounds(make_pruner(rule.prune), made, rule.goal, places)
    loop = Loop(store, add_run, tmp_path, rule, len(made))
    steps, started = [0] * len(made), 0
    live: dict[int, Feeder] = {}
    while started < len(made) or live:
        while len(live) < places and started < len(made):
            live[started] = loop.start(started)
            started += 1
        for number, feeder in live.items():
            feeder.feed({"loss": [(steps[number], made[number][steps[number]])]})
            steps[number] += 1
        pruned = {int(one.stage.name[1:]) for one in loop.look(*live)}
        for number in [one for one in live if one in pruned or steps[one] == STEPS]:
            is_pruned = number in pruned
            del live[number]
            loop.end(number, Status.PRUNED if is_pruned else Status.COMPLETED)
            loop.tell(number, None if is_pruned else min(made[number]))
    assert steps == expected


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (3.5, "3.5 at step 4 is above the best trial's 1.5"),
        (1.4, "1.4 at step 4 was pruned by wilcoxon"),
    ],
)
def test_a_trial_worse_at_most_steps_faces_the_best(
    store: Database, add_run: AddRun, tmp_path: Path, last: float, words: str
) -> None:
    pytest.importorskip("scipy")
    rule = search("WilcoxonPruner", p_threshold=0.2, n_startup_steps=5)
    loop = Loop(store, add_run, tmp_path, rule, 2)
    loop.start(0).feed({"loss": [(step, 1.5) for step in range(5)]})
    assert loop.look(0) == []
    loop.end(0, Status.COMPLETED)
    loop.tell(0, 1.5)
    loop.start(1).feed({"loss": [*((step, 3.0 + step) for step in range(4)), (4, last)]})
    assert [one.pruning and one.pruning.words for one in loop.look(1)] == [words]


THRESHOLD = search("ThresholdPruner", upper=5.0)


def test_a_worker_killed_after_the_request_reports_equal_values(
    store: Database, add_run: AddRun, tmp_path: Path
) -> None:
    loop = Loop(store, add_run, tmp_path, THRESHOLD, 1)
    feeder = loop.start(0)
    feeder.feed({"loss": [(10, 1.0), (20, 6.0), (30, 7.0)]})
    found = loop.look(0, saves=False)
    assert [one.pruning and one.pruning.words for one in found] == [
        "6 at step 20 is above the threshold 5"
    ]
    assert loop.known(0) == {}
    loop.restart()
    assert loop.look(0) == []
    feeder.feed({"loss": [(40, 8.0)]})
    assert loop.look(0) == []
    assert loop.known(0) == {10: 1.0, 20: 6.0}
    assert loop.trial(0).pruning == found[0].pruning
    loop.end(0, Status.COMPLETED)  # it was over before the signal came
    loop.look(0)
    assert loop.known(0) == {10: 1.0, 20: 6.0, 30: 7.0, 40: 8.0}


def test_a_decision_too_late_for_its_attempt_is_repeated(
    store: Database, add_run: AddRun, tmp_path: Path
) -> None:
    loop = Loop(store, add_run, tmp_path, THRESHOLD, 1)
    loop.start(0).feed({"loss": [(10, 1.0), (20, 6.0)]})
    (late,) = loop.watch.look(connect(store), [loop.trial(0)])
    loop.end(0, Status.INTERRUPTED)
    with store.write() as connection:
        searcher.request(connection, [late])
        stage_requests.reopen(connection, loop.run, [stage_requests.Reopened("t0")])
    feeder = loop.start(0, attempt=2)
    assert loop.look(0) == []
    feeder.feed({"loss": [(20, 6.0), (30, 7.0)]})
    (found,) = loop.look(0)
    assert found.pruning is not None
    assert found.pruning.step == 30
    assert loop.trial(0).pruning == found.pruning
    assert loop.known(0) == {10: 1.0, 20: 6.0, 30: 7.0}


def test_a_step_is_reported_once_and_stepless_metrics_counted(
    store: Database, add_run: AddRun, tmp_path: Path
) -> None:
    loop = Loop(store, add_run, tmp_path, THRESHOLD, 2)
    first = loop.start(0)
    first.feed({"loss": [(1, 1.0), (2, 2.0), (2, 9.0), (3, math.nan)]})
    found = loop.look(0)
    assert [one.pruning and one.pruning.words for one in found] == ["loss is NaN at step 3"]
    assert list(loop.known(0)) == [1, 2, 3]
    second = loop.start(1)
    second.feed({"loss": [(0.5, 1.0), (1.0, 2.0)]})
    assert [one.pruning for one in loop.look(1)] == [None]
    with store.read() as connection:
        told = [one.text for _, one in views.events(connection, loop.run)]
    assert f"t1: {searcher.COUNTED}" in told
    loop.restart()
    Feeder(store, loop.stage(1).id, key="a2", attempt=1).feed({"loss": [(1.5, 6.0)]})
    found = loop.look(1)
    assert [one.pruning and one.pruning.words for one in found] == [
        "6 at value 2 is above the threshold 5"
    ]
    assert loop.known(1) == {0: 1.0, 1: 2.0, 2: 6.0}


def test_a_trial_that_counts_epochs_is_pruned_at_an_epoch(
    store: Database, add_run: AddRun, tmp_path: Path
) -> None:
    loop = Loop(store, add_run, tmp_path, THRESHOLD, 1)
    loop.start(0).feed({"loss": [(1, 6.0)]})
    with store.write() as connection:
        connection.execute('UPDATE sources SET state_json = \'{"epochs": ["loss"]}\'')
    (found,) = loop.look(0)
    assert found.pruning is not None
    assert found.pruning.words == "6 at epoch 1 is above the threshold 5"


def test_the_compared_value_is_named(store: Database, add_run: AddRun, tmp_path: Path) -> None:
    loop = Loop(store, add_run, tmp_path, search("MedianPruner", n_startup_trials=1), 2)
    loop.start(0).feed({"loss": [(1000, 0.5), (2000, 0.287)]})
    loop.look(0)
    loop.end(0, Status.COMPLETED)
    loop.tell(0, 0.287)
    loop.start(1).feed({"loss": [(1000, 0.41235), (2000, 0.6)]})
    (found,) = loop.look(1)
    assert found.pruning is not None
    assert found.pruning.words == ("0.4123, the best by step 2,000, is above the median 0.287 of 1")


@pytest.mark.parametrize(
    ("rule", "values", "words"),
    [
        (
            search("SuccessiveHalvingPruner", min_resource=1, reduction_factor=2),
            [0.1, 0.2],
            "0.2 at step 1 is above rung 1's limit 0.15 of 2",
        ),
        (
            RULES[7],
            [0.5, 0.6, 0.7, 0.8],
            "0.8 at step 3 is above the best before its last 3 values 0.5",
        ),
        (
            search("ThresholdPruner", upper=0.4),
            [0.2, 0.5],
            "0.5 at step 1 is above the threshold 0.4",
        ),
    ],
)
def test_each_pruner_says_why(rule: Search, values: list[float], words: str) -> None:
    assert rule.prune is not None
    study = optuna.create_study(pruner=make_pruner(rule.prune))
    for one in ([0.1, 0.15, 0.15], values):
        trial = study.ask()
        for step, value in enumerate(one):
            trial.report(value, step)
            if trial.should_prune():
                frozen = study.get_trials(deepcopy=False)[trial.number]
                assert (
                    searcher.reason(explain_pruning(study, frozen, rule), rule, step, value).words
                    == words
                )
                return
        study.tell(trial, min(one))
    raise AssertionError("it is not pruned")


def test_a_long_turn_is_cut_and_the_last_value_awaited(
    store: Database, add_run: AddRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searcher, "LONGEST_TURN", 0.0)
    loop = Loop(store, add_run, tmp_path, THRESHOLD, 2)
    stage_ids = {loop.stage(number).id for number in range(2)}
    for number in range(2):
        loop.start(number).feed({"loss": [(step, 1.0) for step in range(3)]})
    left: list[Set[str]] = []
    while not left or left[-1]:
        loop.look(0, 1)
        left.append(loop.watch.behind)
        assert len(left) < 20
    assert left[:2] == [stage_ids, stage_ids]
    assert loop.known(0) == loop.known(1) == dict.fromkeys(range(3), 1.0)


def test_points_not_read_at_once_wait_for_the_next_turn(
    store: Database, add_run: AddRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plot_points, "AT_ONCE", 1)
    loop = Loop(store, add_run, tmp_path, THRESHOLD, 1)
    loop.start(0).feed({"loss": [(step, 1.0) for step in range(3)]})
    Feeder(store, loop.stage(0).id, key="b").feed({"loss": [(3, 1.0)]})
    loop.look(0)
    assert len(loop.known(0)) == 3
    while loop.watch.behind:
        loop.look(0)
    assert loop.known(0) == dict.fromkeys(range(4), 1.0)


def test_rungs_of_a_trial_ended_before_a_turn_count(
    store: Database, add_run: AddRun, tmp_path: Path
) -> None:
    rule = search("SuccessiveHalvingPruner", min_resource=1, reduction_factor=2)
    loop = Loop(store, add_run, tmp_path, rule, 2)
    loop.start(0).feed({"loss": [(1, 0.1), (2, 0.1)]})
    loop.end(0, Status.COMPLETED)
    loop.look(0)
    loop.tell(0, 0.1)
    loop.restart()
    loop.start(1).feed({"loss": [(1, 0.2)]})
    (found,) = loop.look(1)
    assert found.pruning is not None
    assert found.pruning.words == "0.2 at step 1 is above rung 1's limit 0.1 of 2"
