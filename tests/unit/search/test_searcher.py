"""The protocol between study and store: a kill at any point changes, repeats and loses nothing."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import pickle
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from tests.unit.execution.submitted import begin, submit
from tests.unit.store.readings import Feeder
from trainui import clock, control
from trainui import search as searcher
from trainui.cli import waiting
from trainui.errors import UnfitEnvironmentError
from trainui.model.records import HostView, PruningReason
from trainui.model.states import Status
from trainui.pipeline import loader
from trainui.plugins.optuna import study_file
from trainui.plugins.optuna.study import SearchStudy
from trainui.resume import search_results
from trainui.search import SearchTurns
from trainui.store.db.engine import Database
from trainui.store.read import sweeps as read_trials
from trainui.store.read import views
from trainui.store.read.sweeps import TrialRecord
from trainui.store.runs import attempts, stage_requests, trials
from trainui.store.runs.attempts import Outcome
from trainui.store.runs.trials import SearchKey

TRIALS = 4

TEXT = """
name: search
stages:
  - name: train
    search:
      space: {x: {low: 0.0, high: 1.0}, act: [relu, gelu]}
      metric: loss
      goal: minimize
      trials: 4
      sampler: {by: tpe, startup_trials: 2}
      seed: 0
    run: echo ${search.x} ${search.act}
"""


class KilledError(BaseException):
    """The process dies here: nothing after this runs, and nothing is closed."""


class Search:
    """A search without processes: its stages are begun and ended by the test."""

    def __init__(self, store: Database, directory: Path, text: str = TEXT) -> None:
        self.store = store
        self.text = text
        self.run_id = submit(directory, text)
        self.key = SearchKey(self.run_id, "train")
        self._searcher: SearchTurns | None = None

    def turn(self, *wanted: int) -> None:
        """One turn, by a new process if the last one was killed; repeated until it is not."""
        ids = [self.stage(number).id for number in wanted]
        while True:
            try:
                if self._searcher is None:
                    with self.store.read() as connection:
                        run = views.run(connection, self.run_id)
                    assert run is not None
                    self._searcher = SearchTurns(self.store, run, self.key)
                self._searcher.turn(ids)
            except KilledError:
                self._searcher = None
            else:
                return

    def restart(self) -> None:
        """Let the next turn be that of a new process."""
        if self._searcher is not None:
            self._searcher.close()
        self._searcher = None

    def edit(self, trials: int) -> None:
        """Resume the run with so many trials."""
        text = self.text.replace("trials: 4", f"trials: {trials}")
        control.resume(self.run_id, pipeline=loader.load_text(text))

    def ranked(self) -> list[TrialRecord]:
        with self.store.read() as connection:
            return search_results.ranked(connection, self.run_id, "train")

    def stage(self, number: int, seed: str = "") -> Any:
        with self.store.read() as connection:
            found = views.stage(connection, self.run_id, f"train[trial={number}{seed}]")
        assert found is not None
        return found

    def end(
        self,
        number: int,
        value: float,
        status: Status = Status.COMPLETED,
        *,
        seed: str = "",
        pruning: PruningReason | None = None,
    ) -> None:
        """Run a trial's stage to its end, with one point."""
        context = begin(self.store, self.run_id, f"train[trial={number}{seed}]")
        Feeder(self.store, context.stage.id).feed({"loss": [(0, value)]})
        with self.store.write() as connection:
            if pruning is not None:
                stage_requests.request_stop(connection, self.stage(number), pruning=pruning)
            attempts.end(connection, context.attempt.id, Outcome(status, clock.now()))

    def trials(self) -> list[TrialRecord]:
        with self.store.read() as connection:
            return read_trials.trials_of(connection, self.run_id, "train")

    def params(self) -> list[dict[str, Any]]:
        return [dict(one.stage.definition.trial_params or {}) for one in self.trials()]


@pytest.fixture
def search(store: Database, tmp_path: Path) -> Search:
    return Search(store, tmp_path)


class Kills:
    """Kills the process before and after each step of the protocol, once in each turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.killed: set[tuple[int, str]] = set()
        self.turn = 0
        self._patch = monkeypatch

    def at(self, kind: Any, name: str) -> None:
        step: Callable[..., Any] = getattr(kind, name)

        @functools.wraps(step)
        def dying(*arguments: Any, **named: Any) -> Any:
            self._kill_once(f"before {name}")
            result = step(*arguments, **named)
            self._kill_once(f"after {name}")
            return result

        self._patch.setattr(kind, name, dying)

    def _kill_once(self, where: str) -> None:
        if (self.turn, where) not in self.killed:
            self.killed.add((self.turn, where))
            raise KilledError


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> Kills:
    found = Kills(monkeypatch)
    for kind, name in (
        (SearchStudy, "ask"),
        (SearchStudy, "tell"),
        (trials, "add"),
        (trials, "end"),
        (trials, "save_sampler"),
    ):
        found.at(kind, name)
    return found


def loss(params: dict[str, Any]) -> float:
    return float((params["x"] - 0.4) ** 2 + (params["act"] == "relu"))


def in_a_plain_loop() -> list[dict[str, Any]]:
    space = {
        "x": optuna.distributions.FloatDistribution(0.0, 1.0),
        "act": optuna.distributions.CategoricalDistribution(["relu", "gelu"]),
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(n_startup_trials=2, seed=0))
    asked = []
    for _ in range(TRIALS):
        trial = study.ask(dict(space))
        asked.append(dict(trial.params))
        study.tell(trial, loss(trial.params))
    return asked


def test_a_kill_at_each_step_changes_no_trial(search: Search, kills: Kills) -> None:
    for number in range(TRIALS):
        kills.turn = number
        search.turn(number)
        search.end(number, loss(search.params()[number]))
    kills.turn = TRIALS
    search.turn()
    found = search.trials()
    # four steps for each trial, one for each turn
    assert len(kills.killed) == 2 * (4 * TRIALS + TRIALS + 1)
    assert search.params() == in_a_plain_loop()
    assert [(one.number, one.state) for one in found] == [(n, "complete") for n in range(TRIALS)]
    assert [one.value for one in found] == [loss(params) for params in search.params()]
    study = the_study(search)
    assert [one.params for one in study.trials] == search.params()
    assert [one.value for one in study.trials] == [one.value for one in found]


def the_study(search: Search) -> optuna.Study:
    with search.store.read() as connection:
        run = views.run(connection, search.run_id)
    assert run is not None
    storage = f"sqlite:///{run.directory}/train.study.db"
    return optuna.load_study(study_name=f"{search.run_id}/train", storage=storage)


class Crafted:
    """What a stranger may have put into a database: unpickling it makes a directory."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.made),)


def craft_database(search: Search, crafted: bytes) -> None:
    with search.store.write() as connection:
        connection.execute("UPDATE searches SET history = ?", (crafted,))


def craft_study(search: Search, crafted: bytes) -> None:
    """Let the study have the state of a sampler where Optuna's CMA-ES looks for it."""
    file = Path(search.stage(0).directory).parent / "train.study.db"
    key, written = "cma:optimizer:0", json.dumps(crafted.hex())
    with closing(sqlite3.connect(file)) as study, study:
        study.execute("DELETE FROM trial_system_attributes")
        for (trial,) in study.execute("SELECT trial_id FROM trials").fetchall():
            study.execute(
                "INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
                (trial, key, written),
            )


@pytest.mark.parametrize(
    ("sampler", "craft"), [("tpe", craft_database), ("cmaes", craft_study)], ids=["tpe", "cmaes"]
)
def test_a_copied_search_that_was_tampered_with_runs_no_code(
    store: Database, tmp_path: Path, sampler: str, craft: Callable[[Search, bytes], None]
) -> None:
    text = TEXT.replace("by: tpe", f"by: {sampler}").replace(
        "act: [relu, gelu]", "y: {low: 0.0, high: 1.0}"
    )
    search = Search(store, tmp_path, text.replace("search.act", "search.y"))
    for number in range(2):
        search.turn(number)
        search.end(number, number / 2)
    search.turn()
    search.restart()
    craft(search, pickle.dumps(Crafted(tmp_path / "ran")))
    with suppress(Exception):
        search.turn(2)
    assert not (tmp_path / "ran").exists()
    search.turn(2)
    assert len(search.trials()) == 3


def test_several_places_ask_at_once_and_a_number_once(search: Search) -> None:
    search.turn(0, 1)
    search.turn(1, 0)  # as a planner does that has not seen the values yet
    assert [one.number for one in search.trials()] == [0, 1]
    assert len(the_study(search).trials) == 2


def test_a_trial_cancelled_before_its_ask_keeps_its_number(search: Search) -> None:
    search.turn(0)
    with search.store.write() as connection:
        stage_requests.cancel(connection, search.run_id, [search.stage(1)])
    search.turn(2)
    search.turn()
    assert [(one.number, one.state) for one in search.trials()] == [
        (0, "asked"),
        (1, "fail"),
        (2, "asked"),
    ]


def test_a_study_that_another_program_ended_is_believed(search: Search) -> None:
    search.turn(0)
    the_study(search).tell(0, 0.125)
    search.end(0, 0.5)
    search.turn()
    [trial] = search.trials()
    assert (trial.state, trial.value) == ("complete", 0.125)


def test_trials_that_another_program_adds_meanwhile_leave_no_gap(search: Search) -> None:
    search.turn(0)
    distributions = study_file.distributions(search.stage(0).definition.search)
    for params in ({"x": 0.5}, {"x": 0.75, "act": "gelu"}):
        own = {name: distributions[name] for name in params}
        added = optuna.trial.create_trial(params=params, distributions=own, value=0.125)
        the_study(search).add_trial(added)
    search.turn(1)
    search.turn(3)
    assert [one.number for one in search.trials()] == [0, 1, 2, 3]
    assert [one["x"] for one in search.params()][1:3] == [0.5, 0.75]
    assert all(one.keys() == {"x", "act"} for one in search.params())
    assert len(the_study(search).trials) == TRIALS
    search.end(1, 0.5)
    search.turn()
    assert [one.value for one in search.trials()] == [None, 0.125, None, None]


def test_a_trial_that_another_program_enqueued_is_the_next(search: Search) -> None:
    search.turn(0)
    the_study(search).enqueue_trial({"x": 0.125, "act": "gelu"})
    search.turn(1)
    search.turn(2)
    assert search.params()[1] == {"x": 0.125, "act": "gelu"}
    assert [one.params for one in the_study(search).trials] == search.params()


def test_a_host_killed_while_asking_leaves_the_trial_to_another(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.turn(0)
    with search.store.read() as connection:
        run = views.run(connection, search.run_id)
    assert run is not None
    with monkeypatch.context() as patch:
        Kills(patch).at(trials, "add")
        with pytest.raises(KilledError):
            SearchTurns(search.store, run, search.key).turn([search.stage(1).id])
    assert len(the_study(search).trials) == 2
    search.turn(1, 2)
    assert search.params() == [one.params for one in the_study(search).trials]
    assert len({one["x"] for one in search.params()}) == 3


def test_a_host_hanging_in_its_turn_delays_no_other_search(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.turn(0)
    monkeypatch.setattr(searcher, "TURN_WITHIN", 0.2)
    lock = searcher.lock_of(str(Path(search.stage(0).directory).parent), "train")
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UnfitEnvironmentError, match="another host has been busy"):
            search.turn(1)
    search.turn(1)
    assert len(search.trials()) == 2


def test_a_lost_study_is_rebuilt_from_the_store(search: Search) -> None:
    for number, value in ((0, 0.25), (1, 0.5)):
        search.turn(number)
        search.end(number, value)
    search.turn(2)
    before = search.params()
    for one in Path(search.stage(0).directory).parent.glob("train.study.db*"):
        one.unlink()
    search.restart()
    search.turn(3)
    study = the_study(search)
    assert search.params()[:3] == before
    assert [one.params for one in study.trials] == search.params()
    assert [one.state.name for one in study.trials] == ["COMPLETE", "COMPLETE", *["RUNNING"] * 2]
    assert [one.value for one in study.trials] == [0.25, 0.5, None, None]


def test_a_damaged_study_is_named_and_rebuilt_once_gone(search: Search) -> None:
    search.turn(0)
    search.end(0, 0.25)
    search.restart()
    file = Path(search.stage(0).directory).parent / "train.study.db"
    for one in file.parent.glob("train.study.db-*"):
        one.unlink()
    file.write_bytes(b"no database " * 1000)
    with pytest.raises(UnfitEnvironmentError, match=f"{file} is damaged; move it away"):
        search.turn(1)
    file.unlink()
    search.restart()
    search.turn(1)
    assert [one.state.name for one in the_study(search).trials] == ["COMPLETE", "RUNNING"]


GRID = """
stages:
  - name: train
    matrix: {lr: [0.1, 0.2]}
    search: {metric: loss, goal: minimize, prune: median}
    run: echo ${matrix.lr}
"""


def test_an_edited_pruned_matrix_keeps_its_outcomes(store: Database, tmp_path: Path) -> None:
    search = Search(store, tmp_path, GRID)
    for number, rate in enumerate(("0.1", "0.2", "0.3")):
        if number == 2:
            search.restart()
            control.resume(search.run_id, pipeline=loader.load_text(GRID.replace("2]", "2, 0.3]")))
        context = begin(store, search.run_id, f"train[lr={rate}]")
        Feeder(store, context.stage.id).feed({"loss": [(0, number)]})
        with store.write() as connection:
            attempts.end(connection, context.attempt.id, Outcome(Status.COMPLETED, clock.now()))
        search.turn()
    assert [one.value for one in the_study(search).trials] == [0, 1, 2]
    (study,) = tmp_path.glob("home/runs/*/train.study.db")
    search.restart()
    study.unlink()
    control.resume(search.run_id, pipeline=loader.load_text(GRID.replace("2]", "2, 0.3, 0.4]")))
    begin(store, search.run_id, "train[lr=0.4]")
    search.turn()
    assert [one.value for one in the_study(search).trials] == [0, 1, 2, None]


def test_an_outcome_that_the_study_lost_is_reported_again(search: Search) -> None:
    search.turn(0)
    search.end(0, 0.25)
    with search.store.write() as connection:  # as if the study's last write had been lost
        trials.end(connection, search.stage(0), trials.TrialOutcome("complete", 0.25, 0))
    search.restart()
    search.turn(1)
    states = [(one.state.name, one.value) for one in the_study(search).trials]
    assert states == [("COMPLETE", 0.25), ("RUNNING", None)]


def test_a_cancelled_search_is_left_alone_until_it_is_resumed(search: Search) -> None:
    search.turn(0)
    assert has_ended(search) == [False, False]
    control.cancel(search.run_id)
    assert has_ended(search) == [False, False]
    control.resume(search.run_id)
    search.end(0, 0.5)
    assert has_ended(search) == [True, False]
    with search.store.write() as connection:
        connection.execute("UPDATE runs SET host = 'another', place = 'its disk'")
    assert has_ended(search) == [True, True]


def has_ended(search: Search) -> list[bool]:
    """Whether a trial is to be reported by this host, and by another that shares its disk."""
    with search.store.read() as connection:
        return [
            trials.is_any_asked(connection, trials.LAST_STATES, here)
            for here in (None, HostView("b", place="its disk"))
        ]


def test_a_wait_ends_when_the_study_has_all_trials(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.turn(*range(TRIALS))
    for number in range(TRIALS):
        search.end(number, 0.5)
    # not `time.sleep` itself: the threads that other tests leave behind sleep, too
    own = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _seconds: search.turn())
    monkeypatch.setattr(waiting, "time", own)
    assert waiting.wait_for([search.run_id]) == 0
    assert {one.state for one in search.trials()} == {"complete"}


def test_a_trial_rerun_before_counting_is_not_pruned_again(store: Database, tmp_path: Path) -> None:
    rule = "prune: {by: threshold, upper: 0.5}"
    search = Search(store, tmp_path, TEXT.replace("seed: 0", f"seed: 0\n      {rule}"))
    search.turn(0)
    pruning = PruningReason("threshold", "loss", 0, 0.9, lower=True)
    search.end(0, 0.9, Status.PRUNED, pruning=pruning)
    control.rerun(search.run_id, ["train[trial=0]"])
    context = begin(store, search.run_id, "train[trial=0]")
    feeder = Feeder(store, context.stage.id, attempt=2, key="a2")
    feeder.feed({"loss": [(0, 0.9), (1, 0.8)]})
    search.turn()
    with store.read() as connection:
        assert views.attempts_of_stage(connection, context.stage.id)[-1].pruning is None
    with store.write() as connection:
        attempts.end(connection, context.attempt.id, Outcome(Status.COMPLETED, clock.now()))
    search.turn()
    (trial,) = the_study(search).trials
    assert (trial.state.name, trial.value) == ("COMPLETE", 0.8)
    assert trial.intermediate_values == {0: 0.9, 1: 0.8}


def test_an_interrupted_trial_is_left_to_be_continued(search: Search) -> None:
    search.turn(0)
    search.end(0, 0.5, Status.INTERRUPTED)
    search.turn()
    assert [one.state for one in search.trials()] == ["asked"]


def test_the_distributions_are_those_of_the_file(search: Search) -> None:
    definition = search.stage(0).definition.search
    assert str(study_file.distributions(definition)["x"]) == str(
        optuna.distributions.FloatDistribution(0.0, 1.0)
    )


def test_trials_removed_by_an_edit_return_as_they_ended(
    search: Search,
) -> None:
    search.turn(0, 1, 2)
    search.end(0, 0.9)
    search.end(1, 0.1)
    why = PruningReason("median", "loss", 0, 1.0, True)
    search.end(2, 1.0, Status.PRUNED, pruning=why)
    search.turn(3)
    search.edit(1)
    with search.store.read() as connection:
        assert search_results.of_search(connection, search.run_id, "train").best_trial == 0
    assert [one.number for one in search.ranked()] == [1, 0, 2, 3]
    search.edit(4)
    with search.store.read() as connection:
        assert search_results.of_search(connection, search.run_id, "train").best_trial == 1
    assert (search.stage(2).status, search.stage(2).reason) == (Status.PRUNED, why.words)
    assert [one.state for one in search.trials()] == ["complete", "complete", "pruned", "asked"]


def test_searches_whose_names_differ_in_case_are_two(store: Database, tmp_path: Path) -> None:
    seeded = TEXT.replace("    run: echo", "    seeds: 2\n    run: echo ${matrix.seed}")
    other = seeded.partition("stages:\n")[2].replace("name: train", "name: Train")
    search = Search(store, tmp_path, seeded + other)
    search.turn()
    with store.read() as connection:
        members = trials.members_of(connection, search.key, 0)
        run = views.run(connection, search.run_id)
    assert [one.name for one in members] == ["train[trial=0,seed=0]", "train[trial=0,seed=1]"]
    assert run is not None
    seeds = [f"train[trial={number},seed={seed}]" for number in range(TRIALS) for seed in (0, 1)]
    control.cancel(run.id, seeds)
    with store.read() as connection:
        assert not trials.is_active(connection, search.key)
        assert trials.is_active(connection, SearchKey(run.id, "Train"))


def test_a_trial_whose_seeds_an_edit_removes_is_not_reported(
    store: Database, tmp_path: Path
) -> None:
    text = TEXT.replace("    run: echo", "    seeds: 2\n    run: echo ${matrix.seed}")
    search = Search(store, tmp_path, text)
    seeds = (",seed=0", ",seed=1")
    with store.read() as connection:
        run = views.run(connection, search.run_id)
    assert run is not None
    searcher = SearchTurns(store, run, search.key)
    searcher.turn([search.stage(number, seed).id for number in (0, 1) for seed in seeds])
    search.end(1, 0.1, seed=seeds[0])
    control.cancel(search.run_id)
    search.edit(1)
    searcher.turn([])
    assert [one.state for one in search.ranked()] == ["asked", "asked"]
    for seed in seeds:
        search.end(0, 0.5, seed=seed)
    searcher.turn([])
    searcher.close()
    assert [one.state for one in search.trials()] == ["complete", "asked"]


def test_a_returning_failed_trial_does_not_block_after_the_search(
    store: Database, tmp_path: Path
) -> None:
    after = "  - {name: end, depends_on: [train], run: 'true'}\n"
    search = Search(store, tmp_path, TEXT + after)
    search.turn(0, 1, 2, 3)
    for number in range(4):
        search.end(number, 0.5, Status.FAILED if number == 3 else Status.COMPLETED)
    search.turn()
    search.edit(2)
    assert search.stage(3).status == Status.SKIPPED
    search.edit(4)
    assert search.stage(3).status == Status.FAILED
    with store.read() as connection:
        end = views.stage(connection, search.run_id, "end")
    assert end is not None
    assert end.status == Status.QUEUED
