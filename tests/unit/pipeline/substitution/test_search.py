"""What a search decides reaches the commands: a trial's values, and the results in dependants."""

from __future__ import annotations

import json
from dataclasses import replace
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.pipeline.substitution.test_phases import started, submitted
from trainui.errors import UsageError
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.search import Choices, Prune, Range, Search, SearchResult
from trainui.pipeline import filling
from trainui.pipeline.loader import load_text

FILE = """\
    stages:
      - name: train
        search:
          space:
            lr: {low: 1e-5, high: 1e-1, log: true}
            layers: {low: 2, high: 8, step: 2}
            act: [relu, 010, "a b"]
          metric: val/loss
          goal: minimize
          trials: 3
          sampler: {by: tpe, startup_trials: 4}
          prune: {by: patient, patience: 3, prune: percentile}
          seed: 7
        run: t --lr ${search.lr} --layers ${search.layers} --act "x ${search.act}" ${stage_dir}
        env: {A: "${search.act}", N: "${matrix.trial}"}
      - name: tune
        search: {space: {n: [1, 2, 3]}, metric: a, goal: maximize, trials: 3, sampler: grid}
        task: m.f
        params: {n: "${search.n}", text: "n=${search.n}", deep: [{n: "${search.n}"}]}
      - name: eval
        depends_on: [train]
        run: e ${stages.train.best.dir}/m ${stages.train.dirs} '${stages.train.best.params}'
      - name: report
        depends_on: [train]
        task: m.g
        params:
          all: "${stages.train.dirs}"
          some: [first, "${stages.train.dirs}"]
          best: {dir: "${stages.train.best.dir}", n: "${stages.train.best.trial}"}
          values: "${stages.train.best.params}"
      - name: again
        depends_on: [train]
        task: m.h
        params: {lr: "${stages.train.best.params.lr}", act: "${stages.train.best.params.act}"}
        env: {LR: "${stages.train.best.params.lr}", ACT: "a ${stages.train.best.params.act}"}
"""

RESULT = SearchResult(
    best_trial=2,
    best_dir="/runs/r/train trial-2",
    best_params={"lr": 0.5, "act": "it's ${x}"},
    best_texts={"lr": "5e-1", "act": "it's ${x}"},
    dirs=("/runs/r/train trial-2", "/runs/r/b"),
)


def stages() -> Pipeline:
    return submitted(FILE)


def test_a_search_is_read_with_optunas_words() -> None:
    loaded = load_text(dedent(FILE))
    percentile = Prune("PercentilePruner", {"percentile": 25.0})
    assert [stage.name for stage in loaded.stages[:3]] == [f"train[trial={n}]" for n in range(3)]
    assert [stage.trial for stage in loaded.stages] == [0, 1, 2, 0, 1, 2, None, None, None]
    assert loaded.stages[1].search == Search(
        "val/loss",
        "minimize",
        {
            "lr": Range(1e-5, 1e-1, log=True),
            "layers": Range(2, 8, step=2, whole=True),
            "act": Choices(("relu", 10, "a b"), ("relu", "010", "a b")),
        },
        trials=3,
        sampler="TPESampler",
        sampler_options={"n_startup_trials": 4},
        prune=Prune("PatientPruner", {"patience": 3}, percentile),
        seed=7,
        searcher="optuna",
    )
    assert loaded.stages[6].depends_on == tuple(f"train[trial={n}]" for n in range(3))


def test_the_values_of_a_trial_are_written_as_the_file_writes_them() -> None:
    trial = stages().stage("train[trial=1]")
    with pytest.raises(UsageError, match="the trial was not asked for"):
        started(trial)
    asked = filling.with_trial_params(trial, {"lr": 1.2e-05, "layers": 4, "act": 10})
    ready = started(asked)
    assert ready.command == 't --lr 1.2e-05 --layers 4 --act "x 010" /runs/r/train-trial-1'
    assert ready.env == {"A": "010", "N": "1"}
    assert ready.trial_params == {"lr": 1.2e-05, "layers": 4, "act": 10}


def test_a_stored_command_with_the_variables_is_filled_in_at_the_start() -> None:
    """Secrets that are revealed bring back the text as it was submitted."""
    trial = stages().stage("train[trial=1]")
    asked = filling.with_trial_params(trial, {"lr": 0.1, "layers": 4, "act": "a b"})
    revealed = replace(asked, command=trial.command, env=trial.env)
    assert started(revealed).command == 't --lr 0.1 --layers 4 --act "x a b" /runs/r/train-trial-1'


def test_a_task_gets_the_values_with_their_types() -> None:
    asked = filling.with_trial_params(stages().stage("tune[trial=0]"), {"n": 3})
    assert started(asked).params == {"n": 3, "text": "n=3", "deep": [{"n": 3}]}


def test_a_value_of_an_earlier_space_is_written_as_it_is() -> None:
    asked = filling.with_trial_params(stages().stage("tune[trial=0]"), {"n": 4, "gone": 1})
    assert started(asked).params["text"] == "n=4"


def test_the_results_of_a_search_reach_a_command() -> None:
    stage = stages().stage("eval")
    assert filling.searches_of(stage) == {"train"}
    ready = started(filling.with_results(stage, {"train": RESULT}))
    best = r"""{"lr": 0.5, "act": "it'\''s ${x}"}"""
    assert ready.command == (
        f"e '/runs/r/train trial-2'/m '/runs/r/train trial-2' /runs/r/b '{best}'"
    )


def test_the_results_of_a_search_reach_a_task_with_their_types() -> None:
    stage = stages().stage("report")
    ready = started(filling.with_results(stage, {"train": RESULT}))
    assert ready.params == {
        "all": list(RESULT.dirs),
        "some": ["first", *RESULT.dirs],
        "best": {"dir": RESULT.best_dir, "n": 2},
        "values": RESULT.best_params,
    }


def test_one_value_of_the_best_trial_reaches_a_stage_as_the_trial_had_it() -> None:
    ready = started(filling.with_results(stages().stage("again"), {"train": RESULT}))
    assert ready.params == RESULT.best_params
    assert ready.env == {"LR": "5e-1", "ACT": "a it's ${x}"}


def test_without_a_completed_trial_none_is_the_best() -> None:
    stage = stages().stage("eval")
    with pytest.raises(UsageError, match="no trial of train has completed"):
        filling.with_results(stage, {"train": SearchResult()})


def test_a_parameter_that_the_best_trial_had_no_value_of_is_named() -> None:
    with pytest.raises(UsageError, match=r"params.lr}: the best trial, train\[trial=0\], has no"):
        filling.with_results(
            stages().stage("again"), {"train": SearchResult(0, "/d", {"act": "x"})}
        )


def test_a_search_that_depends_on_a_search_waits_for_all_of_its_trials() -> None:
    text = dedent(FILE) + "".join(
        f"  - {{name: {name}, depends_on: [train], run: 'x ${{search.y}}', search: {search}}}\n"
        for name, search in (
            ("more", "{space: {y: [1]}, trials: 5, metric: a, goal: minimize}"),
            ("fewer", "{space: {y: [1]}, trials: 1, metric: a, goal: minimize}"),
        )
    )
    trials = tuple(f"train[trial={n}]" for n in range(3))
    below = [one for one in load_text(text).stages if one.group in ("more", "fewer")]
    assert [one.depends_on for one in below] == [trials] * 6


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none()))
def test_any_values_arrive_as_they_are(params: dict[str, str | int | bool | None]) -> None:
    result = SearchResult(0, "/d", params)
    for name in ("eval", "report"):
        stage = filling.with_results(stages().stage(name), {"train": result})
        stored = json.loads(json.dumps(stage.to_json()))
        assert stored["name"] == name
    assert started(stage).params["values"] == params


def test_an_edited_trial_keeps_its_values_or_stays_as_it_was() -> None:
    tried = Search("loss", "minimize", {"lr": Range(0.0, 1.0)}, 2)
    asked = StageDefinition(
        "t[trial=0]", "t", search=tried, trial=0, trial_params={"lr": 0.5}, command="a 0.5"
    )
    edited = replace(asked, trial_params=None, command="b ${search.lr}")
    assert filling.carried_over(edited, asked).command == "b 0.5"
    wider = replace(tried, trials=9)
    unknown = replace(edited, command="b ${search.momentum}", search=wider)
    assert filling.carried_over(unknown, asked) == replace(asked, search=wider)
    assert filling.carried_over(edited, replace(asked, trial_params=None)) == edited
