"""Alerts of the pipeline file in a real run: marked, notified, and the stage ended."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runs import Run, home_with_worker
from trainui import control
from trainui.cli.main import main
from trainui.model.states import Status

TRAIN = """
import json, os, time
with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
    for step in range(10_000):
        loss = float("nan") if step == 20 else 50.0 if step == 10 else 1.0
        print(json.dumps({"step": step, "loss": loss, "acc": min(step, 5)}), file=file, flush=True)
        time.sleep(0.005)
        if step == 60 and os.environ.get("SHORT"):
            break
"""


@pytest.fixture(scope="module", autouse=True)
def home(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[None]:
    with home_with_worker(tmp_path_factory.mktemp("alerts"), served_database, cpus="2"):
        yield


def submit(root: Path, **fields: Any) -> Run:
    return Run(root, {"name": "train", "run": [sys.executable, "-c", TRAIN], **fields})


def shown(run: Run, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    main(["show", run.id, "--json"])
    (stage,) = json.loads(capsys.readouterr().out)["stages"]
    return dict(stage)


def test_a_stage_that_stops_early_completes_and_dependants_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alert = {"no_improvement": 30, "metric": "acc", "goal": "max", "then": "stop"}
    after = {"name": "after", "run": "true", "depends_on": ["train"]}
    train = TRAIN.replace('float("nan") if step == 20 else 50.0 if step == 10 else 1.0', "1.0")
    fields = {"name": "train", "run": [sys.executable, "-c", train], "retries": 3, "alerts": alert}
    run = Run(tmp_path, {**fields, "success": "all 10,000 steps"}, after)
    assert run.wait().status == Status.COMPLETED
    main(["show", run.id, "--json"])
    stage, last = json.loads(capsys.readouterr().out)["stages"]
    why = "stopped early: acc has not improved for 30 points at step 35; its best is 5"
    assert (stage["status"], stage["reason"]) == ("completed", why)
    assert [(one["signal"], one["status"]) for one in stage["attempts"]] == [(15, "completed")]
    assert stage["alerts"] == []
    assert last["status"] == "completed"
    for command in ("show", "report"):
        main([command, run.id])
        assert why in capsys.readouterr().out
    assert control.resume(run.id) == []
    control.rerun(run.id, ["train"])
    assert run.wait().status == Status.COMPLETED
    assert run.stage("train").attempt == 2


def test_a_stage_that_stops_early_needs_its_outputs(tmp_path: Path) -> None:
    alert = {"no_improvement": 30, "metric": "acc", "goal": "max", "then": "stop"}
    run = submit(tmp_path, alerts=alert, outputs=["model.pt"])
    assert run.wait().status == Status.FAILED
    reason = run.stage("train").reason or ""
    assert reason.startswith("stopped early: acc has not improved")
    assert "output model.pt is missing" in reason
    assert run.stage("train").attempt == 1


def test_an_alert_fails_its_stage_without_a_retry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(
        tmp_path,
        retries=3,
        alerts=[
            {"above": 10, "metric": "loss", "then": "mark"},
            {"above": 4, "metric": "acc", "after": 35, "then": "stop"},
        ],
    )
    assert run.wait().status == Status.FAILED
    stage = shown(run, capsys)
    why = "acc is 5 at step 35, above 4"
    assert stage["status"] == "failed"
    assert stage["reason"] == f"stopped by an alert: {why}"
    assert [one["signal"] for one in stage["attempts"]] == [15]
    assert {(one["kind"], one["text"]) for one in stage["alerts"]} == {
        ("mark", "loss is 50 at step 10, above 10"),
        ("nan", "loss is NaN at step 20"),
        ("alert", why),
    }
    capsys.readouterr()
    main(["show", run.id])
    told = capsys.readouterr().out
    assert "train: loss is NaN at step 20" in told
    assert re.search(r"^train +✗ failed  ! NaN ", told, re.MULTILINE)
    main(["report", run.id])
    assert "| train | ✗ failed ! NaN |" in capsys.readouterr().out


def test_a_stage_without_alerts_continues_and_its_nan_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(tmp_path, env={"SHORT": "1"}, alerts={"below": 0, "metric": "los"})
    assert run.wait().status == Status.COMPLETED
    assert [one["text"] for one in shown(run, capsys)["alerts"]] == ["loss is NaN at step 20"]


HANGS = """
import os, sys, time
from pathlib import Path
checkpoint = Path(sys.argv[1], "ckpt-1.json")
if sys.argv[2:]:
    Path("went").write_text(" ".join(sys.argv[2:]))
else:
    checkpoint.write_text("{}")
    os.read(os.pipe()[0], 1)
"""


def test_a_hang_before_any_output_is_restarted_from_its_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = {
        "name": "train",
        "run": [sys.executable, "-c", HANGS, "${stage_dir}"],
        "checkpoint": "ckpt-*.json",
        "resume_args": ["--resume", "${checkpoint}"],
        "alerts": {"stalled": True, "then": "restart"},
        **{"stall_after": "1s", "retries": 1, "retry_delay": 0},
    }
    mute = "until test -e went; do sleep 0.1; done"
    prepare = {"name": "prepare", "run": mute, "stall_after": "never", "alerts": train["alerts"]}
    run = Run(tmp_path, train, prepare)
    assert run.wait().status == Status.COMPLETED
    assert (tmp_path / "went").read_text().startswith("--resume /")
    main(["show", run.id, "--json"])
    stage, left_alone = json.loads(capsys.readouterr().out)["stages"]
    first, second = stage["attempts"]
    assert (first["status"], second["status"]) == ("failed", "completed")
    where = r"process \d+ is in <string>:9, which reads from a pipe"
    assert re.fullmatch(rf"stopped by an alert: no output for [\d.]+s: {where}", first["error"])
    assert second["checkpoint"].endswith("ckpt-1.json")
    assert len(left_alone["attempts"]) == 1
    assert main(["events", run.id]) == 0
    assert "retry 1 of 1: stopped by an alert" in capsys.readouterr().out
