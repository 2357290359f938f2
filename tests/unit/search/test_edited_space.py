"""An edited space: the trials so far are converted to it, and later ones learn from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tests.unit.search.test_searcher import TEXT, Search, the_study
from trainui import control
from trainui.pipeline import loader
from trainui.plugins.optuna.study_file import around
from trainui.store.db.engine import Database

SPACE = "{x: {low: 0.0, high: 1.0}, act: [relu, gelu]}"


@pytest.fixture
def search(store: Database, tmp_path: Path) -> Search:
    """A search with two trials that have both choices."""
    text = TEXT.replace("by: tpe", "by: grid").replace(", startup_trials: 2", "")
    text = text.replace("{low: 0.0, high: 1.0}", "{low: 0.5, high: 0.5, step: 0.5}")
    found = Search(store, tmp_path, text.replace("trials: 4", "trials: 2"))
    for number in range(2):
        found.turn(number)
        found.end(number, number / 10)
        found.turn()
    return found


def edit(search: Search, space: str) -> None:
    control.resume(search.run_id, pipeline=loader.load_text(TEXT.replace(SPACE, space)))
    search.turn(2)


def acts(search: Search) -> list[Any]:
    return [one.params.get("act") for one in the_study(search).trials]


def test_choices_are_added_and_removed(search: Search) -> None:
    before = acts(search)
    assert set(before) == {"relu", "gelu"}
    edit(search, "{x: {low: 0.0, high: 1.0}, act: [silu, gelu]}")
    study = the_study(search)
    assert acts(search)[:2] == [one if one == "gelu" else None for one in before]
    assert acts(search)[2] in ("silu", "gelu")
    assert [one.value for one in study.trials] == [0.0, 0.1, None]
    assert [one.params["x"] for one in study.trials[:2]] == [0.5, 0.5]
    stored = [one.stage.definition.trial_params or {} for one in search.trials()]
    assert [one["act"] for one in stored[:2]] == before
    search.restart()
    search.end(2, 0.3)
    search.turn()
    assert acts(search)[:2] == [one if one == "gelu" else None for one in before]
    assert the_study(search).trials[2].value == 0.3


def test_another_kind_and_scale(search: Search) -> None:
    edit(search, "{x: [0.5, 0.25], act: {low: 1, high: 4, log: true}}")
    first, _, third = the_study(search).trials
    assert first.params == {"x": 0.5}
    assert third.params["x"] in (0.5, 0.25)
    assert third.params["act"] in range(1, 5)


def test_a_lost_study_of_an_edited_space_is_made_again(search: Search, tmp_path: Path) -> None:
    edit(search, "{x: {low: 0.0, high: 1.0}, act: [silu, gelu]}")
    before = acts(search)
    search.restart()
    next(tmp_path.glob("home/runs/*/train.study.db")).unlink()
    search.end(2, 0.3)
    search.turn()
    assert acts(search) == before


WHOLE, LOG = IntDistribution(1, 8), FloatDistribution(0.1, 1.0, log=True)


@pytest.mark.parametrize(
    ("space", "value", "found"),
    [
        (CategoricalDistribution(("a", "b")), "b", CategoricalDistribution(("a", "b"))),
        (CategoricalDistribution(("a", "b")), "c", None),
        (WHOLE, 3.0, WHOLE),
        (WHOLE, 9, IntDistribution(1, 9)),
        (WHOLE, 0.5, None),
        (WHOLE, "3", None),
        (WHOLE, True, None),
        (LOG, 2, FloatDistribution(0.1, 2.0, log=True)),
        (LOG, 0.0, None),
        (FloatDistribution(0.0, 1.0, step=0.5), 0.25, FloatDistribution(0.0, 1.0)),
    ],
)
def test_ranges_and_choices_contain_their_values(
    space: BaseDistribution, value: Any, found: BaseDistribution | None
) -> None:
    assert around(space, value) == found
    if found is not None:
        params = {"p": value}
        optuna.trial.create_trial(params=params, distributions={"p": found}, value=0.0)
