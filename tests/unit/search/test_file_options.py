"""What a pipeline file may say of a sampler, a pruner or a range is what Optuna accepts."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import optuna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from optuna.exceptions import ExperimentalWarning

from trainui.errors import PipelineFileError
from trainui.model.definition import Search
from trainui.pipeline.loader import load_text
from trainui.plugin import Option, SearchRule
from trainui.plugins.optuna import PRUNERS, SAMPLERS, study_file
from trainui.plugins.optuna.study import make_pruner

ALONE: dict[str, dict[str, Any]] = {
    "group": {"multivariate": True},
    "bootstrap_count": {"min_resource": 2, "max_resource": 9},
}
"""Options of which Optuna wants another one too."""

NEEDED: dict[str, dict[str, Any]] = {
    "PatientPruner": {"patience": 3, "prune": "median"},
    "ThresholdPruner": {"lower": 0.5},
}
"""Options without which a pruner does nothing."""


def edges(option: Option) -> Iterator[Any]:
    """Yield the least and the largest value of an option, and its words."""
    yield from option.words
    if option.flag:
        yield from (True, False)
    elif not option.words or option.whole:
        kind = int if option.whole else float
        yield kind(max(option.least, -1e6))
        yield kind(min(option.most, 1e6))


def search_of(space: Any, **fields: Any) -> Search:
    """Load a file with this search."""
    search = {"space": {"x": space}, "metric": "a", "goal": "minimize", "trials": 1, **fields}
    file = {"stages": [{"name": "a", "run": "x ${search.x}", "search": search}]}
    found = load_text(json.dumps(file)).stages[0].search
    assert found is not None
    return found


def cases(classes: Mapping[str, SearchRule]) -> Iterator[Any]:
    """Yield each class with no more than it needs, and with each option at its limits."""
    for name, rule in classes.items():
        options = rule.options
        yield pytest.param(name, NEEDED.get(name, {}), id=rule.short)
        for option, allowed in options.items():
            others = {**NEEDED.get(name, {}), **ALONE.get(option, {})}
            others = {key: one for key, one in others.items() if key in (*options, "prune")}
            if option == "upper":
                others = {}
            for value in edges(allowed):
                label = f"{rule.short} {option} {value}"
                yield pytest.param(name, {**others, option: value}, id=label)


@pytest.mark.parametrize(("name", "options"), list(cases(SAMPLERS)))
def test_optuna_takes_each_option_of_a_sampler(name: str, options: dict[str, Any]) -> None:
    for module in SAMPLERS[name].modules:
        pytest.importorskip(module)
    found = search_of([1, 2], sampler={"by": SAMPLERS[name].short, **options}, seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        assert isinstance(study_file.new_sampler(found, 0), getattr(optuna.samplers, name))


@pytest.mark.parametrize(("name", "options"), list(cases(PRUNERS)))
def test_optuna_takes_each_option_of_a_pruner(name: str, options: dict[str, Any]) -> None:
    found = search_of([1], prune={"by": PRUNERS[name].short, **options})
    assert found.prune is not None
    assert type(make_pruner(found.prune)).__name__ == name


def test_every_class_of_optuna_is_known() -> None:
    """Those left out decide nothing by themselves: bases, and one that wraps another."""
    left_out = {"BaseSampler", "BaseGASampler", "PartialFixedSampler", "BasePruner"}
    for module, classes in ((optuna.samplers, SAMPLERS), (optuna.pruners, PRUNERS)):
        theirs = {
            name
            for name in module.__all__
            if inspect.isclass(getattr(module, name)) and name.endswith(("Sampler", "Pruner"))
        }
        assert theirs - left_out == set(classes)


NUMBERS = st.one_of(
    st.integers(-5, 20),
    st.sampled_from([0.0, 1e-5, 0.1, 0.3, 0.75, 1.0, 2.5, 1e300, -1e300, 5e-324]),
    st.floats(-10, 10, allow_nan=False),
)
RANGES = st.fixed_dictionaries(
    {"low": NUMBERS, "high": NUMBERS}, optional={"log": st.booleans(), "step": NUMBERS}
)
CHOICES = st.lists(st.none() | st.booleans() | NUMBERS | st.text(max_size=3), max_size=4)


@settings(max_examples=300, deadline=None)
@given(RANGES | CHOICES)
@example({"low": -1, "high": -1.1125369292536007e-308, "step": 1})
def test_optuna_takes_every_space_that_a_file_may_have(space: Any) -> None:
    try:
        found = search_of(space)
    except PipelineFileError:
        return
    (distribution,) = study_file.distributions(found).values()
    study = optuna.create_study(sampler=study_file.new_sampler(found, 0))
    value = study.ask({"x": distribution}).params["x"]
    assert distribution._contains(distribution.to_internal_repr(value))
    assert found.space["x"].text(value) is not None
    if (size := found.space["x"].size) is not None and size < 1000:
        assert all(
            distribution._contains(distribution.to_internal_repr(one))
            for one in found.space["x"].grid()
        )
