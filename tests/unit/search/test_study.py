"""A search's trials are those of a plain loop of Optuna's, also where it was killed between."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from trainui.model.definition import Choices, Range, Scalar, Search
from trainui.plugin import SearchTask, SearchTrial
from trainui.plugins.optuna import study, study_file
from trainui.plugins.optuna.study import SearchStudy, StudyChangedError

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


def loss(params: Mapping[str, Scalar]) -> float:
    return abs(math.log10(float(params.get("lr") or 1e-3)) + 3) + float(params["layers"] or 0) / 8


def plain(search: Search) -> list[Params]:
    """The trials of an ask-and-tell loop, as in Optuna's documentation."""
    made: Any = getattr(optuna.samplers, search.sampler or "TPESampler")
    options = dict(search.sampler_options)
    distributions = study_file.distributions(search)
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


def opened(
    directory: Path, search: Search, stored: list[SearchTrial], history: str | None = None
) -> SearchStudy:
    file = directory / "train.study.db"
    return SearchStudy(SearchTask("run/train", search, file, trials=stored, history=history))


class Killed:
    """A search whose process ends after each call, so that only stored state is left."""

    def __init__(self, directory: Path, search: Search, *, kill: bool) -> None:
        self._directory, self._search, self._kill = directory, search, kill
        self._study: SearchStudy | None = None
        self._history: str | None = None
        self.stored: list[SearchTrial] = []

    def open(self) -> SearchStudy:
        if self._study is None:
            self._study = opened(self._directory, self._search, self.stored, self._history)
        return self._study

    def save(self) -> None:
        self._history = self.open().history
        self.die()

    def die(self) -> None:
        if self._kill and self._study is not None:
            self._study.close()
            self._study = None

    def _add(self, number: int, params: Params) -> Params:
        assert number == len(self.stored)
        self.stored.append(SearchTrial(number, f"train[trial={number}]", params))
        self.save()
        return params

    def ask(self) -> Params:
        number = len(self.stored)
        return self._add(number, self.open().ask(number))

    def ask_and_die_before_it_is_stored(self) -> Params:
        self.open().ask(len(self.stored))
        self.die()
        assert self.open().has_more()
        return self._add(*self.open().take_over(self.stored))

    def tell(self, number: int, value: float) -> None:
        ended = replace(self.stored[number], state="complete", value=value)
        self.open().tell(ended)
        self.stored[number] = ended
        self.save()


@pytest.mark.parametrize("name", SEARCHES)
def test_the_trials_are_those_of_a_plain_loop(name: str, tmp_path: Path) -> None:
    assert followed(SEARCHES[name], tmp_path, kill=False) == plain(SEARCHES[name])


@pytest.mark.parametrize(
    "name",
    [name if name == "tpe" else pytest.param(name, marks=pytest.mark.long) for name in SEARCHES],
)
def test_the_trials_are_the_same_if_each_process_is_killed(name: str, tmp_path: Path) -> None:
    assert followed(SEARCHES[name], tmp_path, kill=True) == plain(SEARCHES[name])


@pytest.mark.parametrize("name", ["multivariate", pytest.param("random", marks=pytest.mark.long)])
def test_a_kill_between_study_and_store_changes_no_trial(name: str, tmp_path: Path) -> None:
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


def test_with_two_at_once_and_failures_kills_change_no_trial(tmp_path: Path) -> None:
    """The order of what was asked and ended is stored, and not only what."""
    found = []
    for kill in (False, True):
        (tmp_path / str(kill)).mkdir()
        killed = Killed(tmp_path / str(kill), replace(SEARCHES["tpe"], trials=7), kill=kill)
        killed.ask()
        for number in range(6):
            killed.ask()
            killed.tell(number, loss(killed.stored[number].params))
        found.append([one.params for one in killed.stored])
    assert found[0] == found[1]


OTHERS = [
    "\x80\x04.",
    "[" * 200_000,
    '{"seed": 1, "since": 9, "steps": []}',
    '{"seed": 1, "since": 0, "steps": [-1, -1, 7]}',
    '{"seed": 1, "since": 0, "steps": [-1, -1, -9]}',
    '{"seed": 2, "since": 0, "steps": [-1, -1, -1]}',
    '{"seed": 1, "since": 0, "steps": [-1, -1, -1, 0, 0]}',
    '{"seed": 1e999, "since": 0, "steps": []}',
]
"""Histories that are none, or not those of the trials."""


@pytest.mark.parametrize("history", OTHERS)
def test_a_history_that_is_not_of_its_trials_repeats_none(history: str, tmp_path: Path) -> None:
    killed = Killed(tmp_path, SEARCHES["random"], kill=False)
    for _ in range(3):
        killed.ask()
    killed.open().close()
    again = opened(tmp_path, SEARCHES["random"], killed.stored, history)
    asked = [one.params["lr"] for one in killed.stored]
    asked += [again.ask(number)["lr"] for number in (3, 4, 5)]
    assert len(set(asked)) == 6


def test_a_search_without_a_seed_goes_on_with_its_own(tmp_path: Path) -> None:
    search = replace(SEARCHES["random"], seed=None)
    killed = Killed(tmp_path, search, kill=True)
    for number in range(3):
        killed.ask()
        killed.tell(number, 0.5)
    assert len({one.params["lr"] for one in killed.stored}) == 3
    history = study.SamplerHistory.load(killed.open().history)
    assert history is not None
    assert (history.since, history.steps) == (0, (-1, 0, -1, 1, -1, 2))


def test_another_host_goes_on_from_what_one_did(tmp_path: Path) -> None:
    search = SEARCHES["cmaes"]
    first, second = (Killed(tmp_path, search, kill=False) for _ in range(2))
    second.stored = first.stored
    for host in (first, second):
        host.open()
    for number in range(search.trials or 0):
        host, other = (first, second) if number % 2 else (second, first)
        host.ask()
        host.tell(number, loss(host.stored[number].params))
        assert other.open().catch_up(host.open().history, host.stored)
    assert [one.params for one in first.stored] == plain(search)


def test_a_trial_is_reported_once(tmp_path: Path) -> None:
    killed = Killed(tmp_path, SEARCHES["tpe"], kill=False)
    killed.ask()
    killed.tell(0, 0.5)
    again = opened(tmp_path, SEARCHES["tpe"], killed.stored)
    final = again.file.end(0, "fail", None, "told again")
    assert (final.state, final.value) == (TrialState.COMPLETE, 0.5)


def test_a_grids_last_trial_is_reported_although_its_sampler_stops(
    tmp_path: Path,
) -> None:
    search = Search("loss", "minimize", {"act": Choices((1, 2))}, 2, "GridSampler", seed=0)
    killed = Killed(tmp_path, search, kill=False)
    for number in range(2):
        killed.ask()
        killed.tell(number, 1.0)
    states = [one.state for one in killed.open().file.trials()]
    assert states == [TrialState.COMPLETE] * 2


def test_a_trial_added_by_another_program_is_taken_unchanged(tmp_path: Path) -> None:
    killed = Killed(tmp_path, SEARCHES["random"], kill=False)
    loaded = optuna.load_study(
        study_name="run/train", storage=f"sqlite:///{killed.open() and tmp_path / 'train.study.db'}"
    )
    killed.ask()
    assert not killed.open().has_more()
    loaded.enqueue_trial({"lr": 0.01, "layers": 3})
    assert killed.open().has_more()
    with pytest.raises(StudyChangedError):
        killed.open().ask(1)
    killed.open().close()
    again = Killed(tmp_path, SEARCHES["random"], kill=True)
    again.stored = killed.stored
    number, params = again.open().take_over(again.stored)
    assert number == 1
    assert (params["lr"], params["layers"]) == (0.01, 3)
    assert params.keys() == SPACE.keys()
    assert loaded.metric_names == ["loss"]
