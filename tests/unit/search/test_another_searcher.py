"""A plugin for searches that defines no more than it has to decides the values of trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.search.test_searcher import TEXT, Search
from trainui.errors import PipelineFileError, UnfitEnvironmentError
from trainui.pipeline import loader
from trainui.plugin import Option, SearchBackend, Searcher, SearchRule, SearchTask, registry
from trainui.store.db.engine import Database


class Sequence(SearchBackend):
    """Tries one value after the other."""

    def __init__(self, task: SearchTask) -> None:
        self._step = task.search.sampler_options.get("step", 1.0)

    def ask(self, number: int) -> Mapping[str, Any]:
        return {"x": number * self._step, "act": "relu"}


RULES = {"Sequence": SearchRule("sequence", {"step": Option(least=0)})}
STOPS = {"Never": SearchRule("never")}
SEQUENCE = Searcher(
    interface=1,
    name="sequence",
    backend=f"{__name__}:Sequence",
    samplers=f"{__name__}:RULES",
    pruners=f"{__name__}:STOPS",
)
FILE = TEXT.replace("{by: tpe, startup_trials: 2}", "{by: sequence, step: 0.25}")


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    records = registry.records

    def with_another(kind: Any) -> tuple[Any, ...]:
        if kind is not Searcher:
            return records(kind)
        return tuple(sorted((*records(kind), SEQUENCE), key=lambda one: one.rank))

    monkeypatch.setattr(registry, "records", with_another)


def test_a_searcher_that_only_asks_runs_a_search(store: Database, tmp_path: Path) -> None:
    search = Search(store, tmp_path, FILE)
    search.turn(0, 1)
    search.end(0, 0.5)
    search.turn()
    search.restart()
    search.turn(2)
    assert [one["x"] for one in search.params()] == [0.0, 0.25, 0.5]
    assert [(one.state, one.value) for one in search.trials()][:2] == [
        ("complete", 0.5),
        ("asked", None),
    ]


def test_its_options_are_checked_with_their_place() -> None:
    with pytest.raises(PipelineFileError) as caught:
        loader.load_text(FILE.replace("0.25", "-1"))
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.column) == ("bad-option", 10, 37)


def searched(text: str) -> Any:
    (stage, *_others) = loader.load_text(text).stages
    assert stage.search is not None
    return stage.search


def test_the_sampler_or_the_pruner_chooses_the_searcher() -> None:
    without = TEXT.replace("      sampler: {by: tpe, startup_trials: 2}\n", "      PRUNE\n")
    found = {
        prune: (searched(without.replace("PRUNE", prune)).searcher)
        for prune in ("", "prune: never")
    }
    assert found == {"": "optuna", "prune: never": "sequence"}
    assert searched(without.replace("PRUNE", "prune: never")).sampler == "Sequence"
    assert (searched(FILE).searcher, searched(FILE).sampler) == ("sequence", "Sequence")


def test_a_pruner_of_another_searcher_is_refused() -> None:
    with pytest.raises(PipelineFileError) as caught:
        loader.load_text(FILE.replace("step: 0.25}", "step: 0.25}\n      prune: median"))
    (problem,) = caught.value.problems
    assert (problem.code, problem.line) == ("bad-pruner", 11)


def test_without_any_searcher_a_search_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Database
) -> None:
    monkeypatch.setattr(registry, "records", lambda _kind: ())
    with pytest.raises(PipelineFileError) as caught:
        loader.load_text(TEXT)
    assert [one.code for one in caught.value.problems] == ["bad-sampler"]
    with pytest.raises(UnfitEnvironmentError):
        Search(store, tmp_path, TEXT.replace("      sampler: {by: tpe, startup_trials: 2}\n", ""))
