"""What commands say about a search with many trials, each with several seeds."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest

from trainui import control
from trainui.cli.main import main
from trainui.control import run_difference
from trainui.execution import processes
from trainui.execution.daemon import lifecycle
from trainui.model.states import Status
from trainui.pipeline import loader
from trainui.pipeline.filling import with_trial_params
from trainui.store.db import engine
from trainui.store.db.engine import open_store
from trainui.store.read import run_list, views
from trainui.store.read.views import StageCache
from trainui.store.runs import trials

FILE = """\
name: tune
stages:
  - name: train
    search: {space: {x: {low: 0, high: 8}}, metric: loss, goal: minimize, trials: 10, seed: 1}
    seeds: 2
    run: echo ${search.x} ${matrix.seed}
  - {name: after, run: "true", depends_on: [train]}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(lifecycle, "ensure_started", lambda **_: True)
    monkeypatch.setattr(processes, "_begin_early_worker", lambda: None)


def submitted() -> str:
    Path("tune.yaml").write_text(FILE)
    return control.submit(loader.load("tune.yaml", {}))


def shorter(run: str) -> None:
    """Edit the file, so that it has fewer trials in another space."""
    Path("tune.yaml").write_text(FILE.replace("trials: 10", "trials: 4").replace("8}", "9}"))
    assert main(["resume", run, "--file", "tune.yaml", "--detach"]) == 0


def test_without_optuna_no_worker_is_started_for_a_search(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(lifecycle, "ensure_started", lambda **_: started.append(True))
    monkeypatch.setitem(sys.modules, "optuna", None)
    Path("tune.yaml").write_text(FILE)
    assert main(["run", "tune.yaml", "--detach"]) == 4
    assert "train needs Optuna, which is not installed: install" in capsys.readouterr().err
    assert not started


def test_the_name_of_a_trial_means_all_of_its_seeds() -> None:
    run = submitted()
    assert main(["cancel", run, "train[trial=3]"]) == 0
    with engine.reading() as connection:
        ended = [one for one in views.stages(connection, run) if one.status == Status.CANCELLED]
    assert [one.name for one in ended] == ["train[trial=3,seed=0]", "train[trial=3,seed=1]"]


def test_an_error_lists_sweeps_and_not_their_members(capsys: pytest.CaptureFixture[str]) -> None:
    run = submitted()
    assert main(["cancel", run, "valid"]) == 3
    assert capsys.readouterr().err == "no stage is named 'valid'; this run has train, after\n"
    assert main(["cancel", run, "seed"]) == 2
    assert "train[trial=5,seed=1] and 8 more\n" in capsys.readouterr().err


def test_members_with_the_same_plan_are_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    run = submitted()
    shorter(run)
    capsys.readouterr()
    assert main(["resume", run, "--trials", "2", "--dry-run"]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert rows[1 : rows.index("")] == [
        "train[trial=0,seed=0] (and 7 more) skip is queued already",
        "train[trial=4,seed=0] run is new",
        "train[trial=4,seed=1] run is new",
        "train[trial=5,seed=0] run is new",
        "train[trial=5,seed=1] run is new",
        "after skip is pending already",
        "train[trial=6,seed=0] (and 7 more) skip no longer in the pipeline file",
    ]


def test_trials_removed_by_an_edit_are_not_in_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = submitted()
    shorter(run)
    capsys.readouterr()
    assert main(["diff", run]) == 0
    assert capsys.readouterr().out == "", "its file is no code"
    other = submitted()
    assert main(["diff", other, run]) == 0
    found = capsys.readouterr().out
    assert "train.search.x: 0..8 → 0..9\n" in found
    assert "train.search.trials: 10 → 4\n" in found
    with engine.reading() as connection:
        origin, edited = (views.find_run(connection, one) for one in (other, run))
        assert run_difference.from_origin(connection, edited, origin) == "x 0..8 → 0..9"
        lines = {one.id: one for one in run_list.run_lines(connection)}
        shown = [one.name for one in StageCache().read(connection, run)]
    assert (lines[run].total, lines[other].total, len(shown)) == (9, 21, 9)
    assert main(["show", run]) == 0
    found = capsys.readouterr().out
    assert "train[trial=3,seed=1]" in found
    assert "train[trial=4,seed=0]" not in found


def test_best_and_report_have_the_importance(capsys: pytest.CaptureFixture[str]) -> None:
    run = submitted()
    key = trials.SearchKey(run, "train")
    with contextlib.closing(open_store()) as store, store.write() as connection:
        first = views.stage(connection, run, "train[trial=0,seed=0]")
        assert first is not None
        trials.add(connection, key, first, with_trial_params(first.definition, {"x": 3}))
        trials.save_sampler(connection, key, trials.StoredSampler("", None))
        trials.save_importance(connection, key, {"x": 0.75, "y": 0.25})
    assert main(["best", run, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["importance"] == {"x": 0.75, "y": 0.25}
    for command in ("best", "report"):
        assert main([command, run]) == 0
        assert "x 75 %, y 25 %" in capsys.readouterr().out


def test_a_step_and_a_rule_that_prunes_are_differences(capsys: pytest.CaptureFixture[str]) -> None:
    run = submitted()
    pruned = FILE.replace("high: 8", "high: 8, step: 2").replace("    seeds: 2\n", "")
    Path("tune.yaml").write_text(
        pruned.replace("seed: 1", "seed: 1, prune: median").replace(" ${matrix.seed}", "")
    )
    assert main(["diff", run]) == 0
    found = capsys.readouterr().out
    assert "train.search.x: 0..8 → 0..8 step 2\n" in found
    assert "train.search.prune: (none) → MedianPruner\n" in found
