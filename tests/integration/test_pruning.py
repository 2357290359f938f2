"""Pruning with real processes: the trials that end early are those of a plain loop of Optuna."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from tests.integration import background
from tests.integration.runs import Run, home_of_its_own, home_with_worker
from tests.studies import closed_studies as closed_studies
from tests.unit.profiles import LONG
from tests.unit.supervisor.waiting import wait_for
from trainui import control
from trainui.model.states import Status
from trainui.resume import edit_effects, edits, search_results, submitted
from trainui.store.db import engine
from trainui.store.read import sweeps
from trainui.store.read.sweeps import TrialRecord

STEPS = 24
"""So many that one step more than a plain loop's is less than a twentieth of all."""

TRAINER = f"""
import json, os, pathlib, sqlite3, sys, time

def is_reported(step):
    file = os.path.join(os.environ["TRAINUI_RUN_DIR"], "train.study.db")
    query = ("SELECT 1 FROM trial_intermediate_values JOIN trials USING (trial_id) "
             "WHERE state = 'RUNNING' AND number = ? AND step = ?")
    try:
        with sqlite3.connect(file, timeout=30) as study:
            return study.execute(query, (int(sys.argv[2]), step)).fetchone()
    except sqlite3.OperationalError:  # not made yet
        return False

checkpoint = pathlib.Path("checkpoint.txt")
first = int(checkpoint.read_text()) if os.environ.get("TRAINUI_CHECKPOINT") else 0
for step in range(first, {STEPS}):
    with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
        point = {{"step": step, "loss": float(sys.argv[1]) + 1 / (step + 1)}}
        file.write(json.dumps(point) + "\\n")
    with open("steps", "a") as file:
        file.write(f"{{step}}\\n")
    checkpoint.write_text(str(step + 1))
    while step < 2 and os.environ["TRAINUI_ATTEMPT"] == "1" and not is_reported(step):
        time.sleep(0.02)  # as slow as the training that one prunes
"""


@pytest.fixture(scope="module", autouse=True)
def one_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with home_with_worker(tmp_path_factory.mktemp("pruning"), cpus="1"):
        yield


PRUNE = {"by": "median", "startup_trials": 2}


def stage(folder: Path, run: str, **fields: Any) -> dict[str, Any]:
    (folder / "train.py").write_text(TRAINER)
    script = f"cd ${{stage_dir}} && exec python3 {folder}/train.py {run}"
    return {"name": "train", "run": script, "checkpoint": "checkpoint.txt", "grace": 5, **fields}


def trials_of(run: Run) -> list[TrialRecord]:
    with engine.reading() as connection:
        return sweeps.trials_of(connection, run.id, "train")


def study_of(run: Run) -> optuna.Study:
    storage = f"sqlite:///{run.record().directory}/train.study.db"
    return optuna.load_study(study_name=f"{run.id}/train", storage=storage)


def has_asked(run: Run, number: int) -> bool:
    return len(trials_of(run)) > number


def steps_of(trial: TrialRecord) -> int:
    return len(Path(trial.stage.directory, "steps").read_text().split())


def plain_loop(ends: list[float]) -> list[int]:
    """How many steps each curve is trained in a plain loop."""
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=2))
    counts = []
    for end in ends:
        trial, step = study.ask(), 0
        for step in range(STEPS):
            trial.report(end + 1 / (step + 1), step)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, end + 1 / STEPS)
        counts.append(step + 1)
    return counts


def test_matrix_members_are_pruned_and_one_continues_unpruned(tmp_path: Path) -> None:
    ends = ["0.5", "0.1", "0.9", "0.25"]
    numbers = " ".join(f"{end}) echo {number};;" for number, end in enumerate(ends))
    rule = {"metric": "loss", "goal": "minimize", "prune": PRUNE}
    run = Run(
        tmp_path,
        stage(
            tmp_path,
            f"${{matrix.end}} $(case ${{matrix.end}} in {numbers} esac)",
            matrix={"end": ends},
            search=rule,
        ),
        {"name": "after", "run": "echo ${stages.train.dirs} > dirs", "depends_on": ["train"]},
    )
    assert run.wait().status == Status.COMPLETED, run.stages()
    expected = plain_loop([float(end) for end in ends])
    found = trials_of(run)
    assert [one.stage.status == Status.PRUNED for one in found] == [n < STEPS for n in expected]
    assert sum(map(steps_of, found)) <= 1.05 * sum(expected)
    (pruned,) = [one.stage for one in found if one.stage.status == Status.PRUNED]
    assert pruned.reason == "1.9 at step 0 is above the median 1.3 of 2"
    wait_for(lambda: all(one.state != sweeps.ASKED for one in trials_of(run)), "all outcomes")
    studied = study_of(run).trials
    assert [one.params["end"] for one in studied] == ends
    assert [one.state.name for one in studied] == ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"]
    assert [len(one.intermediate_values) for one in studied] == expected
    assert control.resume(run.id) == []
    assert control.rerun(run.id, [pruned.name]) == [pruned.name]
    run.wait()
    again = run.stage(pruned.name)
    assert (again.status, again.attempt) == (Status.COMPLETED, 2)
    steps = [int(line) for line in Path(again.directory, "steps").read_text().split()]
    assert steps == list(range(STEPS))
    assert study_of(run).trials[2].state == TrialState.PRUNED
    with engine.reading() as connection:
        best = search_results.ranked(connection, run.id, "train")
    assert [one.number for one in best] == [1, 3, 0, 2]
    assert best[-1].value == pytest.approx(0.9 + 1 / STEPS)


def test_an_edited_member_of_a_pruned_matrix_stays_the_same_stage(tmp_path: Path) -> None:
    """Its trial has ended with the values of before; a member that waits is another one."""
    rule = {"metric": "loss", "goal": "minimize", "prune": "median"}
    say = 'echo "{\\"step\\": 0, \\"loss\\": ${matrix.x}}" >> $TRAINUI_METRICS_FILE; '
    command = f"{say} test ${{matrix.x}} != 2"
    run = Run(
        tmp_path, {"name": "train", "run": command, "matrix": {"x": ["1", "2"]}, "search": rule}
    )
    assert run.wait().status == Status.FAILED
    failed, record = run.stage("train[x=2]"), submitted.run_of(run.id)
    wait_for(lambda: all(one.state != sweeps.ASKED for one in trials_of(run)), "all outcomes")
    text = edits.text_of(record)
    found = edits.values_of(record, text, failed.definition, alone=True)
    value = next(one for one in found if one.place.name == "x")
    edit = edits.with_values(record, text, {value: "3"}, failed.name)
    pipeline = edit_effects.choose_pipeline(record, edit=edit).pipeline
    control.resume(run.id, pipeline=pipeline, edit=edit)
    assert run.wait().status == Status.COMPLETED
    fixed = run.stage("train[x=3]")
    assert (fixed.id, fixed.attempt, [*run.stages()]) == (
        failed.id,
        2,
        ["train[x=1]", "train[x=3]"],
    )
    studied = study_of(run).trials
    assert [(one.params["x"], one.state.name) for one in studied] == [
        ("1", "COMPLETE"),
        ("2", "FAIL"),
    ]


@pytest.mark.long
def test_a_search_with_killed_workers_prunes_as_a_plain_loop(tmp_path: Path) -> None:
    with home_of_its_own(tmp_path / "own", cpus="1") as home:
        background.start()
        rule = {
            "space": {"end": {"low": 0.0, "high": 1.0}},
            "metric": "loss",
            "goal": "minimize",
            "trials": 7,
            "seed": 3,
            "sampler": {"by": "tpe", "startup_trials": 3},
            "prune": PRUNE,
        }
        number = "$(echo ${stage_dir} | sed 's/.*-//')"
        folder = tmp_path / "work"
        folder.mkdir()
        run = Run(folder, stage(folder, f"${{search.end}} {number}", search=rule))
        for first in (1, 3, 4, 5) if LONG else (4,):
            wait_for(partial(has_asked, run, first), f"trial {first}")
            os.kill(background.worker_pid(home), signal.SIGKILL)
        assert run.wait().status == Status.COMPLETED
        wait_for(lambda: all(one.state != sweeps.ASKED for one in trials_of(run)), "all outcomes")
        plain, found = a_plain_search(), trials_of(run)
        assert [one.stage.definition.trial_params for one in found] == [
            one.params for one in plain.trials
        ]
        studied = study_of(run).trials
        assert [one.state for one in studied] == [one.state for one in plain.trials]
        assert TrialState.PRUNED in {one.state for one in studied}
        assert [one.intermediate_values for one in studied] == [
            one.intermediate_values for one in plain.trials
        ]
        assert [one.stage.attempt for one in found] == [1] * 7
        trained = sum(len(one.intermediate_values) for one in plain.trials)
        assert sum(map(steps_of, found)) <= 1.05 * trained


def a_plain_search() -> optuna.Study:
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=3, n_startup_trials=3),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2),
    )

    def objective(trial: optuna.Trial) -> float:
        end = trial.suggest_float("end", 0.0, 1.0)
        for step in range(STEPS):
            trial.report(end + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return end + 1 / STEPS

    study.optimize(objective, n_trials=7)
    return study
