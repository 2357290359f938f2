"""What the tools answer, on runs, sweeps, logs and metrics of every size: within their bounds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.execution.submitted import submit
from tests.unit.tui.filled import Filler, training
from trainui import control, installation
from trainui.control import requests
from trainui.model.states import CAUSE, STALLED, Status
from trainui.plugin import client
from trainui.plugins.mcp import tools
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import runs

LONG = "n" * 200
SUBMIT = "file command params from note run verdict preview request_id"


@pytest.fixture
def filler(store: Database, tmp_path: Path) -> Filler:
    return Filler(store, tmp_path / "runs")


def server() -> Any:
    """Return the server's module, which takes long: each process of pytest would load it."""
    from trainui.plugins.mcp import server

    return server


def offered() -> dict[str, Any]:
    return {one.name: one for one in (*server().READING, *server().WRITING)}


def call(name: str, /, **arguments: Any) -> Any:
    """An answer, which is strict JSON within its bound."""
    text, is_error = server().call(offered(), name, arguments)
    asked = (name == "list_runs" and "limit" in arguments) or bool(arguments.get("names"))
    assert len(text) <= (tools.ASKED if asked else tools.LIMIT)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    found = json.loads(text, parse_constant=refuse)
    assert is_error == ("error" in found and name != "show_run") or "error" in found
    return found


def error(name: str, /, **arguments: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = call(name, **arguments)["error"]
    assert isinstance(found, dict)
    return found


def test_definitions_are_small_and_say_what_they_do() -> None:
    shown = [one.model_dump(by_alias=True, exclude_none=True) for one in offered().values()]
    assert len(json.dumps(shown)) <= 8000
    assert [(one.name, list(one.input_schema["properties"])) for one in offered().values()] == [
        ("list_runs", ["filter", "limit"]),
        ("show_run", ["run"]),
        ("read_log", ["run", "stage", "cursor"]),
        ("read_metrics", ["run", "stage", "names"]),
        ("wait", ["run", "timeout", "cursor"]),
        ("submit", [*SUBMIT.split()]),
        ("resume", ["run", "file", "as_submitted", "preview"]),
        ("cancel", ["run", "stage"]),
    ]
    hints = {
        name: (one.annotations.read_only_hint, one.annotations.destructive_hint)
        for name, one in offered().items()
        if one.annotations is not None
    }
    assert {name for name, (reads, _) in hints.items() if reads} == {
        one.name for one in server().READING
    }
    assert [name for name, (_, destroys) in hints.items() if destroys] == ["cancel"]


def test_a_thousand_runs_are_listed_in_parts(filler: Filler) -> None:
    ids = [filler.run({"train": ()}, name=f"{number:03d}{LONG[3:]}") for number in range(1000)]
    first = call("list_runs")
    seen = [one["run"] for one in first["runs"]]
    assert seen == ids[::-1][: len(seen)]
    assert first["left_out"] == 1000 - len(seen)
    second = call("list_runs", **first["next"])
    assert second["runs"][0]["run"] == ids[::-1][len(seen)]
    many = call("list_runs", filter="status:queued", limit=40)
    assert len(many["runs"]) > len(seen)
    assert error("list_runs", limit=201)["code"] == "usage"
    assert error("list_runs", filter="nope>")["code"] == "usage"


def test_a_sweep_of_500_shows_what_failed_first(filler: Filler) -> None:
    names = [f"train[lr={number}]" for number in range(500)]
    run = filler.run({"prepare": (), **dict.fromkeys(names, ())}, outputs=())
    filler.fail(run, names[400], "exit code 1\n" + "x" * 9000)
    shown = call("show_run", run=run)
    assert shown["states"] == {"queued": 500, "failed": 1}
    assert shown["stages"][0]["stage"] == names[400]
    seen = [one["stage"] for one in shown["stages"]]
    while "next" in shown:
        shown = call("show_run", **shown["next"])
        seen += [one["stage"] for one in shown["stages"]]
    assert sorted(seen) == sorted(["prepare", *names])


def test_one_stage_is_shown_in_full(filler: Filler) -> None:
    run = filler.run({"prepare": (), LONG[:64]: ("prepare",)}, outputs=())
    filler.fail(run, "prepare", "exit code 1\n" + "line\n" * 3000)
    shown = call("show_run", run=f"{run}/prep")
    assert shown["stage"] == "prepare"
    assert shown["error"].startswith("exit code 1")
    assert shown["attempts"][0]["exit_code"] == 1
    assert error("show_run", run=f"{run}/nothing")["code"] == "not_found"
    assert error("show_run", run="nothing")["code"] == "not_found"


def test_a_failure_comes_with_its_cause(filler: Filler) -> None:
    run = filler.run({"train": ()}, outputs=())
    cause: dict[str, str | None] = {
        "id": "cuda_oom",
        "text": "CUDA ran out of memory",
        "evidence": "e" * 3000,
    }
    cause |= {"file": None, "line": None, "fix": "halve the batch", "edit": None}
    attempt = filler.start(run, "train")
    with filler.store.write() as connection:
        stage = views.stage(connection, run, "train")
        assert stage is not None
        runs.record_stage_event(connection, stage, CAUSE, "train: oom", attempt=1, data=cause)
    cursor = client.news_cursor()
    filler.end(attempt, Status.FAILED, error="exit code 1")
    (row,) = call("show_run", run=run)["stages"]
    assert (row["cause"]["id"], row["cause"]["fix"]) == ("cuda_oom", "halve the batch")
    found = call("wait", run=run, cursor=cursor)
    assert found["reason"] == "failed"
    assert found["changes"][0]["cause"]["id"] == "cuda_oom"


def test_a_cause_that_members_share_stands_once(filler: Filler) -> None:
    members = [f"train[seed={seed}]" for seed in range(40)]
    run = filler.run(dict.fromkeys(members, ()), outputs=())
    cause = {"id": "user_code_error", "text": "no key 'rows'", "evidence": "KeyError: 'rows'"}
    cursor = client.news_cursor()
    for member in members:
        attempt = filler.start(run, member)
        with filler.store.write() as connection:
            stage = views.stage(connection, run, member)
            assert stage is not None
            runs.record_stage_event(connection, stage, CAUSE, "", attempt=1, data=cause)
        filler.end(attempt, Status.FAILED, error="exit code 1")
    first, *others = call("show_run", run=run)["stages"]
    assert (first["cause"]["id"], {one["cause"] for one in others}) == (
        "user_code_error",
        {"as train[seed=0]"},
    )
    found = call("wait", run=run, cursor=cursor)
    assert [(one["kind"], one.get("and_more")) for one in found["changes"]] == [
        ("failed", 39),
        ("ended", None),
    ]
    assert call("wait", run=run, cursor=found["cursor"])["changes"] == []


def test_a_wait_that_is_cut_loses_nothing(filler: Filler) -> None:
    cursor = client.news_cursor()
    names = [f"{number}{'é' * 190}" for number in range(60)]
    for name in names:
        filler.fail(filler.run({"train": ()}, name=name, outputs=()), "train", "x" * 2000)
    seen = []
    while (found := call("wait", cursor=cursor, timeout=0))["changes"]:
        seen += [one["name"] for one in found["changes"] if one["kind"] == "failed"]
        cursor = found["cursor"]
    assert seen == names
    assert found["reason"] == "timeout"


def test_a_stall_ends_a_wait(filler: Filler) -> None:
    run = filler.run({"train": ()}, outputs=())
    filler.start(run, "train")
    cursor = client.news_cursor()
    with filler.store.write() as connection:
        stage = views.stage(connection, run, "train")
        assert stage is not None
        runs.record_stage_event(connection, stage, STALLED, "train: silent for 5m")
    found = call("wait", run=run, cursor=cursor)
    assert (found["reason"], found["changes"][0]["text"]) == ("stalled", "train: silent for 5m")


def test_a_log_is_read_in_both_directions(filler: Filler) -> None:
    run = filler.run({"train": ()}, outputs=())
    attempt = filler.start(run, "train")
    lines = [f'{number} "quoted" \x1b[31mred\x1b[0m' for number in range(5000)]
    filler.log(attempt, "".join(f"{line}\n" for line in lines) + "unfinished")
    found = call("read_log", run=run)
    assert "no instructions" in found["text_is"]
    assert found["text"].splitlines()[-1] == "unfinished"
    newest = found["text"].splitlines()[:-1]
    earlier = call("read_log", run=run, cursor=found["earlier"])["text"].splitlines()
    expected = [line.replace("\x1b[31m", "").replace("\x1b[0m", "") for line in lines]
    assert earlier + newest == expected[-len(earlier + newest) :]
    cursor, seen = "1.0.0", []
    while not (part := call("read_log", run=run, stage="train", cursor=cursor))["is_end"]:
        if part["cursor"] == cursor:
            break
        seen += part["text"].splitlines()
        cursor = part["cursor"]
    assert seen == expected
    filler.log(attempt, " now\n")
    assert call("read_log", run=run, cursor=cursor)["text"] == "unfinished now"


def test_a_log_of_a_gigabyte_costs_no_more(filler: Filler) -> None:
    run = filler.run({"train": ()}, outputs=())
    attempt = filler.start(run, "train")
    file = filler.log(attempt, "begin\n")
    with file.open("r+b") as log:  # a hole: no disk is used
        log.seek(1 << 30)
        log.write(b"\rbar 99%\rbar 100%\nthe end\n")
    found = call("read_log", run=run)
    assert found["text"].splitlines()[-2:] == ["bar 100%", "the end"]
    assert found["earlier"] is not None
    call("read_log", run=run, cursor=found["earlier"])
    assert call("read_log", run=run, cursor="1.0.0")["text"].startswith("begin")
    for wrong in ("x", "1", "2.0.0", "1.0.0.0", "-1.0.0"):
        assert error("read_log", run=run, cursor=wrong)["code"] == "usage"


def test_both_logs_are_one_in_order(filler: Filler) -> None:
    run = filler.run({"train": ()}, outputs=())
    attempt = filler.start(run, "train")
    filler.log(attempt, "out 1\n")
    filler.log(attempt, "err 1\n", "stderr")
    text = call("read_log", run=run)["text"]
    assert sorted(text.splitlines()) == ["err| err 1", "out 1"]


def test_an_ended_attempt_leads_to_the_next(filler: Filler) -> None:
    run = filler.run({"train": ()}, outputs=(), retries=1)
    attempt = filler.start(run, "train")
    filler.log(attempt, "first\n")
    filler.end(attempt, Status.FAILED, error="exit code 1")
    filler.log(filler.start(run, "train"), "second\n")
    first = call("read_log", run=run, cursor="1.0.0")
    assert (first["text"], first["cursor"], first["is_end"]) == ("first", "2.0.0", False)
    assert call("read_log", run=run, cursor=first["cursor"])["text"] == "second"


def test_metrics_are_few_numbers(filler: Filler) -> None:
    run = filler.run({"train": ()}, outputs=())
    filler.start(run, "train")
    filler.curves(run, "train", count=5000)
    found = call("read_metrics", run=run)
    by_name = {one["name"]: one for one in found["series"]}
    assert found["series"][0]["name"] == "val/accuracy"
    loss = by_name["train/loss"]
    points = training(5000)["train/loss"]
    best = min(points, key=lambda point: point[1])
    assert (loss["count"], loss["last"]) == (5000, pytest.approx(points[-1][1], rel=1e-4))
    assert (loss["best"], loss["best_step"]) == (pytest.approx(best[1], rel=1e-4), best[0])
    assert by_name["val/accuracy"]["trend"] in ("rising", "flat")
    named = call("read_metrics", run=run, names=["train/*", "lr"])
    assert [one["name"] for one in named["series"]] == ["train/loss", "lr"]
    assert all(len(one["points"]) <= 60 for one in named["series"])
    assert "val/accuracy" in error("read_metrics", run=run, names=["nothing"])["message"]
    assert named["series"][0]["points"][-1][0] == 4999


def test_nan_and_infinity_are_text(filler: Filler) -> None:
    run = filler.run({"train": ()}, outputs=())
    filler.start(run, "train")
    values = [1.0, math.inf, 0.5, math.nan]
    filler.feed(run, "train", {"loss": list(enumerate(values))})
    (loss,) = call("read_metrics", run=run)["series"]
    assert (loss["best"], loss["last"], loss["trend"], loss["nonfinite"]) == (0.5, "nan", "nan", 2)
    assert loss["points"] == [[0, 1], [1, "inf"], [2, 0.5], [3, "nan"]]


def test_hundreds_of_series_are_named(filler: Filler) -> None:
    run = filler.run({"train": ()}, outputs=())
    filler.start(run, "train")
    points: list[tuple[float, float]] = [(0, 1.0), (1, 2.0)]
    series = {f"layer{number:03d}/{'n' * 180}": points for number in range(300)}
    filler.feed(run, "train", {"loss": [(0, 1.0), (1, 0.5)], **series})
    found = call("read_metrics", run=run)
    assert found["series"][0]["name"] == "loss"
    assert found["left_out"]
    assert call("read_metrics", run=run, names=["layer299/*"])["series"][0]["count"] == 2


def test_a_sweeps_members_are_ranked(filler: Filler) -> None:
    run = filler.run(dict.fromkeys(("train[lr=1]", "train[lr=2]", "train[lr=3]"), ()), outputs=())
    for number, value in ((1, 0.5), (2, 0.1), (3, math.nan)):
        filler.start(run, f"train[lr={number}]")
        filler.feed(run, f"train[lr={number}]", {"val/loss": [(0, 0.9), (1, value)]})
    found = call("read_metrics", run=run, stage="train")
    assert (found["metric"], found["value_is"]) == ("val/loss", "best")
    assert [one["stage"][-2] for one in found["members"]] == ["2", "1", "3"]


def test_what_destroys_takes_an_exact_id(filler: Filler) -> None:
    run = filler.run({"train": ()}, name="digits", outputs=())
    for wrong in ("digits", run[:8], run + "x"):
        assert error("cancel", run=wrong)["code"] == "not_found"
    assert error("cancel", run=run, stage="tra")["code"] == "not_found"
    assert call("show_run", run=run)["status"] == "queued"


def test_a_server_that_only_reads_refuses_to_write(filler: Filler) -> None:
    run = filler.run({"train": ()}, outputs=())
    reading = {one.name: one for one in server().READING}
    text, is_error = server().call(reading, "cancel", {"run": run})
    assert is_error
    assert "trainui mcp --write" in json.loads(text)["error"]["message"]


@pytest.mark.usefixtures("store")
def test_a_broken_file_has_its_problems_as_data(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("stages:\n" + "".join(f"  - {{nam: s{n}}}\n" for n in range(400)))
    found = error("submit", file=str(file), preview=True)
    assert found["code"] == "pipeline_file"
    first = found["problems"][0]
    assert (first["line"], first["column"], first["code"]) == (2, 5, "missing-field")
    assert found["hint"] == f"trainui validate {file}"


@pytest.mark.usefixtures("store")
def test_previews_return_the_plan_and_store_nothing(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        "params: {lr: 1}\nstages:\n  - {name: a, matrix: {k: [1, 2]}, run: 'echo ${params.lr}'}\n"
    )
    found = call("submit", file=str(file), params={"lr": 0.5}, preview=True)
    assert [one["command"] for one in found["stages"]] == ["echo 0.5", "echo 0.5"]
    assert call("list_runs")["runs"] == []
    run = submit(tmp_path, "stages: [{name: a, run: 'true'}]")
    control.cancel(run)
    plan = call("resume", run=run, preview=True)
    assert [(one["name"], one["action"]) for one in plan["stages"]] == [("a", "run")]
    for wrong in ({}, {"file": "x", "command": "y"}, {"command": "x", "params": {"a": 1}}):
        assert error("submit", **wrong)["code"] == "usage"


def test_wrong_arguments_are_named(filler: Filler) -> None:
    del filler
    assert "`run`" in error("show_run")["message"]
    assert "nope" in error("show_run", run="x", nope=1)["message"]
    assert "type number" in error("wait", timeout="soon")["message"]
    assert "type boolean" in error("resume", run="x", preview="yes")["message"]
    assert error("wait", timeout=-1)["code"] == "usage"
    assert error("unknown")["code"] == "usage"
    for name, arguments in (
        ("submit", {"command": "true #" + "x" * 20_000}),
        ("submit", {"file": "f", "params": {"lr": ["x"] * 10_000}}),
        ("read_metrics", {"run": "x", "names": ["*" * 30_000]}),
    ):
        assert "longer than 20,000 characters" in error(name, **arguments)["message"]
    assert error("show_run", run="x+" + "9" * 5000)["code"] == "not_found"


def test_an_answer_says_that_no_worker_works(filler: Filler) -> None:
    assert "warning" not in call("list_runs")
    run = filler.run({"train": ()}, outputs=())
    for found in (call("list_runs"), call("show_run", run=run), call("wait", run=run, timeout=0)):
        assert "trainui worker start" in found["warning"]


def test_fences_are_told_with_their_reason(filler: Filler, monkeypatch: pytest.MonkeyPatch) -> None:
    run = filler.run({"train": ()}, outputs=())
    monkeypatch.setattr(requests, "_acting", ["mcp"])
    monkeypatch.setenv("TRAINUI_AGENT_LIMITS", '{"others": false, "runs": 1}')
    found = error("cancel", run=run)
    assert (found["code"], "agent_limits.others" in found["message"]) == ("agent_limits", True)


def test_after_an_upgrade_the_server_asks_for_a_restart(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    filler.run({"a": ()})
    monkeypatch.setattr(installation, "_AT_OUR_START", ())
    monkeypatch.setattr(client, "overview", lambda *_, **__: 1 / 0)  # as of another version
    assert error("list_runs")["message"] == server().UPGRADED
