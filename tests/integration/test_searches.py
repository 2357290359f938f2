"""Searches with real processes: each trial is asked for and reported once, as in Optuna's loop."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import TrialState

from tests.integration import background
from tests.integration.runs import Run, home_of_its_own, home_with_worker
from tests.studies import closed_studies as closed_studies
from tests.unit.profiles import LONG
from tests.unit.supervisor.waiting import wait_for
from trainui import control
from trainui.errors import UsageError
from trainui.model.states import Status
from trainui.plugins.optuna import study_file
from trainui.resume import edit_effects, search_results
from trainui.resume.edit_effects import choose_pipeline
from trainui.store.db import engine
from trainui.store.read import run_in_json, run_list, sweeps
from trainui.store.read.sweeps import TrialRecord
from trainui.tui.readers.stage_values import SweepMemberReader
from trainui.tui.run_page.sweep_table import best_so_far

SPACE = {"x": {"low": 0.0, "high": 1.0}, "n": {"low": 1, "high": 4}, "act": ["relu", "gelu"]}

USES = ": ${search.x} ${search.n} ${search.act}"
"""Nothing, with the values."""

LOSS = (
    "echo ${search.x} ${search.n} ${search.act} $TRAINUI_STAGE >> asked; "
    """awk 'BEGIN { x = '${search.x}'; for (i = 0; i < 4; i++) printf "{\\"step\\": %d, """
    """\\"loss\\": %.9f}\\n", i, (x - 0.3)^2 + (3 - i) / 10 }' >> $TRAINUI_METRICS_FILE"""
)
"""A training that writes where it ran with which values, and a falling loss."""


@pytest.fixture(scope="module", autouse=True)
def two_places(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[None]:
    with home_with_worker(tmp_path_factory.mktemp("searches"), served_database, cpus="2"):
        yield


def searched(run: str = LOSS, trials: int = 4, **fields: Any) -> dict[str, Any]:
    search = {"space": SPACE, "metric": "loss", "goal": "minimize", "trials": trials, "seed": 0}
    return {"name": "train", "search": {**search, **fields.pop("search", {})}, "run": run, **fields}


def trials_of(run: Run) -> list[TrialRecord]:
    with engine.reading() as connection:
        return sweeps.trials_of(connection, run.id, "train")


def study_of(run: Run) -> optuna.Study:
    """The study as any program opens it."""
    storage = f"sqlite:///{run.record().directory}/train.study.db"
    return optuna.load_study(study_name=f"{run.id}/train", storage=storage)


def reported(run: Run, count: int) -> list[TrialRecord]:
    """Wait until so many trials have an outcome, and the study has what the store has."""
    states = {"asked": TrialState.RUNNING, "complete": TrialState.COMPLETE, "fail": TrialState.FAIL}

    def agreed() -> list[TrialRecord] | None:
        found = trials_of(run)  # the next trial is in the study first
        if sum(one.state != sweeps.ASKED for one in found) != count:
            return None
        studied = study_of(run).trials
        stored = [
            (at, states[one.state], one.value, one.stage.definition.trial_params)
            for at, one in enumerate(found)
            if one.number == at
        ]
        in_study = [(one.number, one.state, one.value, one.params) for one in studied]
        return found if in_study == stored and len(stored) == len(found) else None

    return wait_for(agreed, f"{count} trials with an outcome, as in the study")


def test_later_stages_get_the_best_trial_when_all_have_ended(tmp_path: Path) -> None:
    best = "echo ${stages.train.best.trial} ${stages.train.best.dir} > best"
    after = {"name": "after", "run": best, "depends_on": ["train"]}
    run = Run(tmp_path, searched(), after)
    assert run.wait().status == Status.COMPLETED, run.stages()
    found = reported(run, 4)
    assert {one.state for one in found} == {"complete"}
    assert {one.step for one in found} == {3}
    least = min(found, key=lambda one: one.value or 0)
    assert run.lines("best") == [f"{least.number} {least.stage.directory}"]
    for line, one in zip(sorted(run.lines("asked"), key=lambda it: it[-2]), found, strict=True):
        params = one.stage.definition.trial_params
        assert params is not None
        assert line.split() == [*map(str, params.values()), f"train[trial={one.number}]"]


def test_failures_and_missing_values_count_as_failed_and_say_why(tmp_path: Path) -> None:
    script = (
        f"{USES}; "
        'say() { echo "{\\"step\\": 0, \\"$1\\": $2}" >> $TRAINUI_METRICS_FILE; }; '
        "case $TRAINUI_STAGE in *0]) exit 3;; *1]) say acc 1;; *2]) say loss NaN;; "
        "*) say loss 0.5;; esac"
    )
    after = {"name": "after", "run": "echo ${stages.train.dirs} > dirs", "depends_on": ["train"]}
    run = Run(tmp_path, searched(script), after)
    assert run.wait().status == Status.FAILED
    found = reported(run, 4)
    assert [one.state for one in found] == ["fail", "fail", "fail", "complete"]
    assert [one.stage.status for one in found[:3]] == [Status.FAILED] * 3
    assert [one.stage.reason for one in found[1:]] == [
        "no points of loss; has: acc",
        "loss has no finite value",
        None,
    ]
    assert run.stage("after").status == Status.COMPLETED
    names = [Path(path).name for path in run.lines("dirs")[0].split()]
    assert names == ["train-trial-3"]
    assert study_of(run).trials[1].user_attrs["reason"] == "no points of loss; has: acc"


def test_a_matrix_member_without_the_metric_completes_with_an_alert(tmp_path: Path) -> None:
    say = 'echo "{\\"step\\": 0, \\"loss\\": ${matrix.x}}" >> $TRAINUI_METRICS_FILE'
    rule = {"metric": "los", "goal": "minimize"}
    run = Run(tmp_path, {"name": "train", "run": say, "matrix": {"x": ["1", "2"]}, "search": rule})
    assert run.wait().status == Status.COMPLETED

    def alerts() -> int:
        with engine.reading() as connection:
            return run_list.lines_of(connection, [run.id])[run.id].trouble.alert

    wait_for(lambda: alerts() == 2, "an alert of each member")
    assert run.stage("train[x=1]").reason == "no points of los; has: loss"


def test_if_every_trial_fails_what_needs_one_is_blocked(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        searched(f"{USES}; exit 1", trials=2),
        {"name": "after", "run": "true", "depends_on": ["train"]},
    )
    assert run.wait().status == Status.FAILED
    assert run.stage("after").reason == "no trial of train completed"


def test_a_search_with_allow_failure_needs_no_completed_trial(tmp_path: Path) -> None:
    after = {"name": "after", "run": "echo [${stages.train.dirs}]", "depends_on": ["train"]}
    run = Run(tmp_path, searched(f"{USES}; exit 1", trials=2, allow_failure=True), after)
    assert run.wait().status == Status.FAILED
    assert run.stage("after").status == Status.COMPLETED


def test_one_cancelled_trial_counts_as_failed_and_the_search_continues(tmp_path: Path) -> None:
    wait = "until test -e go-$TRAINUI_STAGE; do sleep 0.02; done; " + LOSS
    run = Run(tmp_path, searched(wait, trials=4))
    run.process("train[trial=1]")
    control.cancel(run.id, ["train[trial=0]"])
    reported(run, 1)
    for number in (1, 2, 3):
        (tmp_path / f"go-train[trial={number}]").touch()
    assert run.wait().status == Status.CANCELLED
    found = reported(run, 4)
    assert [one.state for one in found] == ["fail", *["complete"] * 3]


def test_a_trial_cancelled_before_its_ask_is_left_to_resume(
    tmp_path: Path,
) -> None:
    run = Run(tmp_path, searched("until test -e go; do sleep 0.02; done; " + LOSS))
    run.process("train[trial=1]")
    control.cancel(run.id, ["train[trial=3]"])
    run.go()
    assert run.wait().status == Status.CANCELLED
    found = reported(run, 3)
    assert [one.state for one in found] == ["complete"] * 3
    assert run.statuses()["train[trial=3]"] == Status.CANCELLED


def test_a_cancelled_search_is_resumed_under_its_numbers(tmp_path: Path) -> None:
    wait = "until test -e go; do sleep 0.02; done; " + LOSS
    run = Run(tmp_path, searched(wait, trials=4))
    run.process("train[trial=1]")
    control.cancel(run.id)
    assert run.wait().status == Status.CANCELLED
    before = [one.stage.definition.trial_params for one in reported(run, 0)]
    assert len(before) == 2
    run.go()
    control.resume(run.id)
    assert run.wait().status == Status.COMPLETED
    found = reported(run, 4)
    assert [one.stage.definition.trial_params for one in found][:2] == before
    assert [one.stage.attempt for one in found] == [2, 2, 1, 1]


def test_a_cancelled_search_keeps_its_results_until_resumed(tmp_path: Path) -> None:
    wait = "[ $TRAINUI_STAGE = 'train[trial=0]' ] || until test -e go; do sleep 0.02; done; " + LOSS
    best = {"name": "after", "run": "echo ${stages.train.best.trial} >> best"}
    run = Run(tmp_path, searched(wait, trials=4), {**best, "depends_on": ["train"]})
    reported(run, 1)
    run.process("train[trial=2]")
    control.cancel(run.id, [name for name in run.stages() if name.startswith("train")])
    assert run.wait().status == Status.CANCELLED
    assert run.lines("best") == ["0"]
    before = reported(run, 1)
    run.go()
    assert "after" in control.resume(run.id)
    assert run.wait().status == Status.COMPLETED
    found = reported(run, 4)
    assert [one.value for one in found][:1] == [one.value for one in before][:1]
    least = min(found, key=lambda one: one.value or 0)
    assert run.lines("best") == ["0", str(least.number)]


@pytest.mark.long
def test_a_killed_worker_repeats_and_loses_no_trial(tmp_path: Path) -> None:
    with home_of_its_own(tmp_path / "own", cpus="1") as home:
        background.start()
        run = Run(tmp_path / "work", searched(trials=6, search={"sampler": "random"}))
        for number in (1, 3, 4) if LONG else (3,):
            wait_for(partial(has_asked, run, number), f"trial {number}")
            os.kill(background.worker_pid(home), signal.SIGKILL)
        assert run.wait().status == Status.COMPLETED
        found = reported(run, 6)
        assert [one.stage.definition.trial_params for one in found] == in_a_plain_loop(run, found)
        assert len(run.lines("asked")) == 6


def has_asked(run: Run, number: int) -> bool:
    return len(trials_of(run)) > number


@pytest.mark.long
def test_sequential_trials_equal_those_of_a_plain_loop(tmp_path: Path) -> None:
    with home_of_its_own(tmp_path / "own", cpus="1"):
        background.start()
        options = {"sampler": {"by": "tpe", "startup_trials": 3}}
        run = Run(tmp_path / "work", searched(trials=6, search=options))
        assert run.wait().status == Status.COMPLETED
        found = reported(run, 6)
        assert [one.stage.definition.trial_params for one in found] == in_a_plain_loop(run, found)


def in_a_plain_loop(run: Run, found: list[TrialRecord]) -> list[dict[str, Any]]:
    """The trials of Optuna's own loop with the same seed and the same values."""
    search = found[0].stage.definition.search
    assert search is not None
    made: Any = getattr(optuna.samplers, search.sampler)
    sampler = made(seed=search.seed, **search.sampler_options)
    studied = optuna.create_study(direction=search.goal, sampler=sampler)
    asked = []
    for one in found:
        trial = studied.ask(dict(study_file.distributions(search)))
        asked.append(dict(trial.params))
        studied.tell(trial, one.value)
    return asked


def test_a_trials_views_have_its_number_and_values(tmp_path: Path) -> None:
    run = Run(tmp_path, searched(trials=1), {"name": "other", "run": "true"})
    run.wait()
    with engine.reading() as connection:
        shown = json.loads(json.dumps(run_in_json.run_in_full(connection, run.record())))
    trial, other = shown["stages"]
    assert (trial["trial"], set(trial["search"]), trial["matrix"]) == (0, set(SPACE), None)
    assert other.keys() == trial.keys() - {"trial", "search"}


def test_a_resume_asks_for_more_trials_and_leaves_the_others(tmp_path: Path) -> None:
    script = f"{USES}; [ $TRAINUI_STAGE = 'train[trial=0]' ] && exit 1; {LOSS}"
    after = {"name": "after", "run": "echo ${stages.train.best.trial} >> best"}
    run = Run(tmp_path, searched(script, trials=2), {**after, "depends_on": ["train"]})
    run.wait()
    before = reported(run, 2)
    more = edit_effects.with_more_trials(run.record(), 2)
    choice = choose_pipeline(run.record(), edit=more)
    plan = control.plan_resume(run.id, pipeline=choice.pipeline)
    assert [(one.name, str(one.action)) for one in plan] == [
        ("train[trial=0]", "skip"),
        ("train[trial=1]", "skip"),
        ("train[trial=2]", "run"),
        ("train[trial=3]", "run"),
        ("after", "run"),
    ]
    control.resume(run.id, pipeline=choice.pipeline, edit=choice.edit)
    run.wait()
    found = reported(run, 4)
    assert [one.state for one in found] == ["fail", "complete", "complete", "complete"]
    assert [one.stage.attempt for one in found] == [1, 1, 1, 1]
    assert [one.value for one in found[:2]] == [one.value for one in before]
    least = min(found[1:], key=lambda one: one.value or 0)
    assert run.lines("best")[-1] == str(least.number)
    assert control.resume(run.id) == []


def test_an_edited_space_starts_from_what_was_learned(tmp_path: Path) -> None:
    run = Run(tmp_path, searched(trials=2))
    run.wait()
    before = [one.stage.definition.trial_params for one in reported(run, 2)]
    file = tmp_path / "pipeline.yaml"
    written = json.loads(file.read_text())
    search = written["stages"][0]["search"]
    search["space"]["x"], search["trials"] = {"low": 2.0, "high": 3.0}, 3
    file.write_text(json.dumps(written))
    edited = choose_pipeline(run.record(), file=str(file)).pipeline
    assert [one.action for one in control.plan_resume(run.id, pipeline=edited)] == [
        "skip",
        "skip",
        "run",
    ]
    control.resume(run.id, pipeline=edited)
    run.wait()
    after = [one.stage.definition.trial_params or {} for one in reported(run, 3)]
    assert after[:2] == before
    assert 2 <= after[2]["x"] <= 3
    search["space"]["act"], search["trials"] = ["silu", "gelu", "relu"], 4
    file.write_text(json.dumps(written))
    control.resume(run.id, pipeline=choose_pipeline(run.record(), file=str(file)).pipeline)
    run.wait()
    assert [one.stage.definition.trial_params for one in reported(run, 4)][:3] == after
    search["goal"] = "maximize"
    file.write_text(json.dumps(written))
    with pytest.raises(UsageError, match=r"train: the goal of a search that has trials cannot"):
        control.plan_resume(run.id, pipeline=choose_pipeline(run.record(), file=str(file)).pipeline)


def test_a_rerun_of_a_trial_is_not_reported_again(tmp_path: Path) -> None:
    run = Run(tmp_path, searched(trials=1))
    run.wait()
    [before] = reported(run, 1)
    control.rerun(run.id, ["train[trial=0]"])
    assert run.wait().status == Status.COMPLETED
    [after] = reported(run, 1)
    assert (after.stage.attempt, after.value) == (2, before.value)
    assert len(run.lines("asked")) == 2


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_table_of_a_search_says_what_its_study_says(tmp_path: Path) -> None:
    rising = LOSS.replace("loss", "wins")
    run = Run(tmp_path, searched(rising, 6, search={"metric": "wins", "goal": "maximize"}))
    assert run.wait().status == Status.COMPLETED, run.stages()
    wait_for(lambda: all(one.state == "complete" for one in trials_of(run)), "all are told")
    study = study_of(run)
    members = list(run.stages().values())
    with engine.reading() as connection:
        group = SweepMemberReader().read(connection, members)
    assert group is not None
    assert group.search is not None
    assert (group.title, group.lower) == ("wins best", False)
    assert group.best_first(members)[0].definition.trial == study.best_trial.number
    values = [one.value for one in study.trials]
    assert [group.values[f"train[trial={number}]"] for number in range(6)] == values
    assert best_so_far(group.search, lower=False)[-1] == study.best_value
    evaluator = PedAnovaImportanceEvaluator()
    expected = optuna.importance.get_param_importances(study, evaluator=evaluator)
    assert dict(group.search.importance) == pytest.approx(expected, abs=1e-6)


SEEDED = (
    'echo "{\\"step\\": 1, \\"loss\\": ${search.x}}" >> $TRAINUI_METRICS_FILE; '
    'echo "{\\"step\\": 2, \\"loss\\": ${matrix.seed}}" >> $TRAINUI_METRICS_FILE; '
    "test ${matrix.trial}${matrix.seed} != 11 # ${search.n} ${search.act}"
)
"""A training with the best loss 0 for the first seed, and `x` for the second; one of them fails."""


def test_a_trial_with_several_seeds_counts_by_their_mean(tmp_path: Path) -> None:
    after = {
        "name": "end",
        "depends_on": ["train"],
        "run": "echo ${stages.train.best.dir} ${stages.train.dirs} > results",
    }
    run = Run(tmp_path, searched(SEEDED, trials=3, seeds=2), after)
    assert run.wait().status == Status.FAILED
    found = reported(run, 3)
    assert [one.stage.name for one in found] == [f"train[trial={n},seed=0]" for n in range(3)]
    assert [one.state for one in found] == ["complete", "fail", "complete"]
    assert found[1].reason == "seed=1: exit code 1"
    for one in found:
        params = one.stage.definition.trial_params
        assert params is not None
        assert run.stage(f"train[trial={one.number},seed=1]").definition.trial_params == params
        if one.state == "complete":
            assert one.value == pytest.approx(params["x"] / 2)
    best = min((one for one in found if one.value is not None), key=lambda one: one.value or 0)
    with engine.reading() as connection:
        ranked = search_results.ranked(connection, run.id, "train")
    assert [one.state for one in ranked] == ["complete", "complete", "fail"]
    assert ranked[0].number == best.number
    (line,) = run.lines("results")
    assert line.split()[0] == best.stage.directory
    assert len(line.split()) == 1 + 5
    assert control.resume(run.id) == []
    assert len(run.attempts("train[trial=1,seed=1]")) == 1


def test_an_added_seed_gets_its_trials_values(tmp_path: Path) -> None:
    run = Run(tmp_path, searched(SEEDED, trials=1, seeds=1))
    run.wait()
    [before] = reported(run, 1)
    file = tmp_path / "pipeline.yaml"
    written = json.loads(file.read_text())
    written["stages"][0]["seeds"] = 2
    file.write_text(json.dumps(written))
    control.resume(run.id, pipeline=choose_pipeline(run.record(), file=str(file)).pipeline)
    assert run.wait().status == Status.COMPLETED
    [after] = reported(run, 1)
    assert after.value == before.value
    added = run.stage("train[trial=0,seed=1]").definition
    assert added.trial_params == before.stage.definition.trial_params
    del written["stages"][0]["seeds"]
    written["stages"][0]["run"] = USES
    file.write_text(json.dumps(written))
    with pytest.raises(UsageError, match="can change, but neither be added nor removed"):
        control.plan_resume(run.id, pipeline=choose_pipeline(run.record(), file=str(file)).pipeline)


def test_a_cancelled_search_with_seeds_is_reported_once_when_resumed(tmp_path: Path) -> None:
    slow = f"test -e {tmp_path}/go || sleep 60; {SEEDED.replace('!= 11', '!= x')}"
    run = Run(tmp_path, searched(slow, trials=2, seeds=2))
    wait_for(partial(has_asked, run, 0), "a trial")
    run.wait_for("train[trial=0,seed=1]", Status.RUNNING)
    control.cancel(run.id)
    run.wait()
    assert {one.state for one in trials_of(run)} == {sweeps.ASKED}
    run.go()
    control.resume(run.id)
    assert run.wait().status == Status.COMPLETED
    assert {one.state for one in reported(run, 2)} == {"complete"}
