"""A search's trials are those of a plain loop of Optuna's, also where it was killed between."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState

from trainui.domain.search import Choices, Range, Scalar, Search
from trainui.search import samplers, study
from trainui.search.study import AskedTrial, SearchStudy

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

SPACE: dict[str, Range | Choices] = {
    "lr": Range(1e-5, 1e-1, log=True),
    "layers": Range(2, 8, whole=True),
    "width": Range(0.25, 1.0, step=0.25),
    "act": Choices(("relu", "gelu")),
}
NUMBERS: dict[str, Range | Choices] = {name: SPACE[name] for name in ("lr", "layers")}
GRID: dict[str, Range | Choices] = {"layers": Range(2, 4, whole=True), "width": SPACE["width"]}
FEW = {"n_startup_trials": 2}

SEARCHES = {
    "tpe": Search("loss", "minimize", SPACE, 5, sampler_options=FEW, seed=3),
    "multivariate": Search(
        "loss", "minimize", SPACE, 5, sampler_options={**FEW, "multivariate": True}, seed=3
    ),
    "random": Search("loss", "maximize", SPACE, 4, "RandomSampler", seed=1),
    "grid": Search("loss", "minimize", GRID, 12, "GridSampler", seed=5),
    "cmaes": Search("loss", "minimize", NUMBERS, 5, "CmaEsSampler", FEW, seed=2),
}

Params = dict[str, Scalar]


def loss(params: Params) -> float:
    return abs(math.log10(float(params.get("lr") or 1e-3)) + 3) + float(params["layers"] or 0) / 8


def plain(search: Search) -> list[Params]:
    """The trials of an ask-and-tell loop, as in Optuna's documentation."""
    made: Any = getattr(optuna.samplers, search.sampler)
    options = dict(search.sampler_options)
    distributions = samplers.distributions(search)
    if search.sampler == "GridSampler":
        options["search_space"] = {
            "layers": [2, 3, 4],
            "width": [0.25, 0.5, 0.75, 1.0],
        }
    studied = optuna.create_study(direction=search.goal, sampler=made(seed=search.seed, **options))
    asked = []
    for _ in range(search.trials or 0):
        trial = studied.ask(dict(distributions))
        asked.append(dict(trial.params))
        try:
            studied.tell(trial, loss(trial.params))
        except RuntimeError:
            assert search.sampler == "GridSampler"
    return asked


class Killed:
    """A search whose process ends after each call, so that only stored state is left."""

    def __init__(self, directory: Path, search: Search, *, kill: bool) -> None:
        self._directory, self._search, self._kill = str(directory), search, kill
        self._study: SearchStudy | None = None
        self._state: bytes | None = None
        self._asked = 0

    def open(self) -> SearchStudy:
        if self._study is None:
            self._study = study.open_study(
                "run", self._directory, "train", self._search, state=self._state, asked=self._asked
            )
        return self._study

    def save(self) -> None:
        self._state = self.open().state
        self.die()

    def die(self) -> None:
        if self._kill and self._study is not None:
            self._study.storage.remove_session()
            self._study = None

    def ask(self) -> Params:
        asked = self.open().ask()
        self._asked += 1
        self.save()
        return dict(asked.params)

    def ask_and_die_before_it_is_stored(self) -> Params:
        number = self.open().ask().number
        self.die()
        again = self.open().again(number)
        assert again.number == number
        self._asked += 1
        self.save()
        return dict(again.params)

    def tell(self, number: int, value: float) -> None:
        self.open().tell(number, "complete", value, None)
        self.save()


@pytest.mark.parametrize("name", SEARCHES)
def test_the_trials_are_those_of_a_plain_loop(name: str, tmp_path: Path) -> None:
    assert followed(SEARCHES[name], tmp_path, kill=False) == plain(SEARCHES[name])


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_the_trials_are_the_same_if_each_process_is_killed(name: str, tmp_path: Path) -> None:
    assert followed(SEARCHES[name], tmp_path, kill=True) == plain(SEARCHES[name])


@pytest.mark.parametrize("name", ["multivariate", "random"])
def test_a_kill_between_the_study_and_the_store_changes_no_trial(name: str, tmp_path: Path) -> None:
    search = SEARCHES[name]
    found = followed(search, tmp_path, kill=True, ask=Killed.ask_and_die_before_it_is_stored)
    assert found == plain(search)


def followed(
    search: Search, directory: Path, *, kill: bool, ask: Callable[[Killed], Params] = Killed.ask
) -> list[Params]:
    killed, found = Killed(directory, search, kill=kill), []
    for number in range(search.trials or 0):
        found.append(ask(killed))
        killed.tell(number, loss(found[-1]))
    return found


def test_values_stored_one_by_one_are_completed_after_a_kill(tmp_path: Path) -> None:
    search = SEARCHES["tpe"]
    opened = study.open_study("run", str(tmp_path), "train", search)
    state = opened.state
    trial = opened.study.ask()  # as a process does that dies after two values
    trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    trial.suggest_int("layers", 2, 8)
    opened.storage.remove_session()
    again = study.open_study("run", str(tmp_path), "train", search, state=state)
    first, second = again.again(0), again.ask()
    assert [dict(first.params), dict(second.params)] == without_tells(search, 2)


def without_tells(search: Search, count: int) -> list[Params]:
    studied = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=search.seed))
    distributions = dict(samplers.distributions(search))
    return [dict(studied.ask(distributions).params) for _ in range(count)]


def test_a_lost_state_of_the_sampler_repeats_no_trial(tmp_path: Path) -> None:
    search = SEARCHES["random"]
    first = study.open_study("run", str(tmp_path), "train", search)
    asked = [first.ask() for _ in range(3)]
    again = study.open_study("run", str(tmp_path), "train", search, state=b"junk", asked=3)
    later = [again.ask() for _ in range(3)]
    assert [one.number for one in (*asked, *later)] == list(range(6))
    assert len({one.params["lr"] for one in (*asked, *later)}) == 6


def test_a_trial_is_reported_once(tmp_path: Path) -> None:
    opened = study.open_study("run", str(tmp_path), "train", SEARCHES["tpe"])
    number = opened.ask().number
    assert opened.tell(number, "complete", 0.5, None).value == 0.5
    final = opened.tell(number, "fail", None, "told again")
    assert (final.state, final.value) == (TrialState.COMPLETE, 0.5)


def test_the_last_trial_of_a_grid_is_reported_although_its_sampler_stops_a_loop(
    tmp_path: Path,
) -> None:
    search = Search("loss", "minimize", {"act": Choices((1, 2))}, 2, "GridSampler", seed=0)
    opened = study.open_study("run", str(tmp_path), "train", search)
    ends = [opened.tell(opened.ask().number, "complete", 1.0, None) for _ in range(2)]
    assert [one.state for one in ends] == [TrialState.COMPLETE] * 2


def test_a_trial_that_another_program_added_is_taken_as_it_is(tmp_path: Path) -> None:
    search = SEARCHES["random"]
    opened = study.open_study("run", str(tmp_path), "train", search)
    loaded = optuna.load_study(
        study_name="run/train", storage=f"sqlite:///{tmp_path / 'train.study.db'}"
    )
    opened.ask()
    loaded._storage.set_trial_intermediate_value(loaded.trials[0]._trial_id, 1, 0.5)
    assert not opened.storage.is_changed
    loaded.enqueue_trial({"lr": 0.01, "layers": 3})
    assert opened.storage.is_changed
    with pytest.raises(StorageInternalError):
        opened.ask()
    opened.storage.remove_session()
    opened = study.open_study("run", str(tmp_path), "train", search)
    asked: AskedTrial = opened.ask()
    assert asked.number == 1
    assert (asked.params["lr"], asked.params["layers"]) == (0.01, 3)
    assert loaded.metric_names == ["loss"]
