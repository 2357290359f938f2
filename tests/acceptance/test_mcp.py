"""`trainui mcp` with the SDK's own client: bounded, ended with its client, nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import COMMAND, CommandLine
from tests.acceptance.mcp_client import Agent, ToolError, agent
from tests.unit.profiles import LONG
from tests.unit.supervisor.waiting import wait_for
from trainui.plugins.mcp import tools

CALLS = 10_000 if LONG else 100
MIB = 1 << 20

TRAIN = """
    name: train
    stages:
      - name: train
        run: |
          for step in 1 2 3; do
            echo "{\\"step\\": $step, \\"loss\\": 0.$((9 - step))}" >> $TRAINUI_METRICS_FILE
          done
          echo trained
"""


def servers(cli: CommandLine) -> list[int]:
    """The pids of this home's servers that only read."""
    found = []
    for place in Path("/proc").iterdir():
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            environ = (place / "environ").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        home = f"TRAINUI_HOME={cli.home}".encode()
        if words[1:] == [b"-m", b"trainui", b"mcp", b""] and home in environ:
            found.append(int(place.name))
    return found


@pytest.fixture
def cli(emptied: CommandLine) -> CommandLine:
    """A command line whose worker other tests use, too."""
    return emptied


@pytest.fixture(scope="module")
def call(served: CommandLine) -> Iterator[Agent]:
    """A server that may write, which tests share."""
    with agent(served, "--write") as shared:
        yield shared


def test_an_agent_submits_waits_and_reads(served: CommandLine, call: Agent) -> None:
    served.write("train.yaml", TRAIN)
    definitions = call.tools()
    assert len(definitions) == 8
    assert len(json.dumps(definitions)) <= 8000
    plan = call("submit", file="train.yaml", preview=True)
    assert [one["name"] for one in plan["stages"]] == ["train"]
    submitted = call("submit", file="train.yaml")
    run = submitted["run"]
    seen: list[dict[str, Any]] = []
    cursor = submitted["cursor"]
    while not any(one["kind"] == "ended" for one in seen):
        found = call("wait", run=run, cursor=cursor, timeout=60)
        seen, cursor = [*seen, *found["changes"]], found["cursor"]
    assert [one["kind"] for one in seen] == ["best", "ended"]
    assert call("read_log", run=run)["text"] == "trained"
    (loss,) = call("read_metrics", run=run)["series"]
    assert (loss["best"], loss["best_step"]) == (0.6, 3)
    assert call("cancel", run=run)["count"] == 0
    assert call("resume", run=run)["count"] == 0
    assert call("wait", run=run)["reason"] == "ended"
    assert served.json("show", run)["started_by"] == "mcp"
    events = served.json("events", run)["events"]
    assert [one["text"] for one in events if one["kind"] == "agent"] == ["submitted by mcp"]


MEND = "name: mend\nstages: [{{name: a, run: {}}}]\n"


def test_an_agent_mends_a_run_by_its_edited_file(served: CommandLine, call: Agent) -> None:
    served.write("mend.yaml", MEND.format("python -c 1/0"))
    first = call("submit", file="mend.yaml", note="first try")
    run = first["run"]
    failed = call("wait", run=run, cursor=first["cursor"], timeout=60)["changes"][0]
    assert failed["cause"]["id"] == "user_code_error"
    served.write("mend.yaml", MEND.format("echo mended"))
    with pytest.raises(ToolError, match="as_submitted"):
        call("resume", run=run)
    plan = call("resume", run=run, file="mend.yaml", preview=True)
    assert "+stages: [{name: a, run: echo mended}]" in plan["diff"]
    resumed = call("resume", run=run, file="mend.yaml")
    ended = call("wait", run=run, cursor=resumed["cursor"], timeout=60)
    assert [one["status"] for one in ended["changes"]] == ["completed"]
    assert call("read_log", run=run)["text"] == "mended"
    again = call("wait", run=run, cursor=first["cursor"], timeout=0)["changes"][0]
    assert again == failed  # its cause too, although the stage has completed


def test_an_agent_says_where_a_run_comes_from(served: CommandLine, call: Agent) -> None:
    served.write("origin.yaml", "name: origin\nstages: [{name: a, run: 'true'}]\n")
    base = call("submit", file="origin.yaml")["run"]
    run = call("submit", file="origin.yaml", note="the same", **{"from": base})["run"]
    call("submit", run=run, note="no better", verdict="discard")
    with pytest.raises(ToolError, match="no name and no prefix"):
        call("submit", run="origin", verdict="keep")
    (row, _) = call("list_runs", filter="name:origin")["runs"]
    assert (row["from"], row["note"], row["verdict"]) == (base, "no better", "discard")
    texts = [one["text"] for one in served.json("show", run)["notes"]]
    assert texts == ["the same", "no better"]


def test_a_new_best_comes_while_its_stage_runs(served: CommandLine, call: Agent) -> None:
    lines = "".join(
        f'echo \'{{"step": {step}, "val/loss": "${{params.v}}"}}\' >> $TRAINUI_METRICS_FILE; '
        for step in range(2)
    ).replace('"${params.v}"', "${params.v}")
    served.write(
        "best.yaml",
        f"""
        name: passes
        params: {{v: 0.5, gate: best.yaml}}
        stages:
          - name: train
            run: |
              {lines}until test -e ${{params.gate}}; do sleep 0.05; done
        """,
    )
    assert served("run", "best.yaml", "--wait").code == 0
    gate = {"v": 0.4, "gate": "passed"}
    submitted = call("submit", file="best.yaml", params=gate)
    first = call("wait", cursor=submitted["cursor"], run=submitted["run"], timeout=60)
    (best,) = first["changes"]
    assert best["best"] == {
        "metric": "val/loss",
        "goal": "minimize",
        "value": 0.4,
        "before": 0.5,
        "running": True,
    }
    (served.directory / "passed").touch()
    last = call("wait", cursor=first["cursor"], run=submitted["run"], timeout=60)
    assert last["changes"][0]["best"]["value"] == 0.4
    assert "running" not in last["changes"][0]["best"]


def test_a_server_without_write_has_five_tools(served: CommandLine) -> None:
    with agent(served) as call:
        names = [one["name"] for one in call.tools()]
        assert names == ["list_runs", "show_run", "read_log", "read_metrics", "wait"]
        with pytest.raises(ToolError, match="--write"):
            call("submit", command="true")


def test_sixty_waits_keep_nobody_else_waiting(served: CommandLine) -> None:
    with ThreadPoolExecutor(1) as pool, agent(served) as call:
        for _ in range(60):
            call.begin("wait", timeout=600)
        assert "runs" in pool.submit(call, "list_runs").result(timeout=60)


def test_a_cursor_outlives_server_and_worker(cli: CommandLine) -> None:
    with agent(cli, "--write") as call:
        submitted = call("submit", command="exit 3", request_id="first")
    run, cursor = submitted["run"], submitted["cursor"]
    wait_for(lambda: cli.status(run) == "failed")
    cli("worker", "stop")
    with agent(cli) as call:
        found = call("wait", run=run, cursor=cursor)
        assert (found["reason"], found["changes"][0]["stage"]) == ("failed", "exit")
        assert "trainui worker start" in found["warning"]
        again = call("wait", run=run, cursor=found["cursor"])
        assert again["changes"] == []
    with agent(cli, "--write") as call:  # the worker is down: a submission starts it
        assert call("submit", command="exit 3", request_id="first")["run"] == run
        assert call("list_runs")["runs"][0]["run"] == run


def test_a_client_that_dies_while_it_submits_submits_once(cli: CommandLine) -> None:
    """The server is killed at many moments of a submission; the same request is sent again."""
    cli("worker", "start")
    cli.write("train.yaml", TRAIN)
    request = {"file": "train.yaml", "request_id": "r1", "note": "once"}
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2) if LONG else (0.02, 0.1):
        process = subprocess.Popen(
            [*COMMAND, "mcp", "--write"],
            cwd=cli.directory,
            env=cli.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}}
        hello["clientInfo"] = {"name": "test", "version": "1"}
        _send(process, {"id": 1, "method": "initialize", "params": hello})
        process.stdout.readline()
        _send(process, {"method": "notifications/initialized"})
        call = {"name": "submit", "arguments": request}
        _send(process, {"id": 2, "method": "tools/call", "params": call})
        threading.Event().wait(delay)
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    with agent(cli, "--write") as call_again:
        run = call_again("submit", **request)["run"]
        assert [one["run"] for one in call_again("list_runs")["runs"]] == [run]
    assert [path.name for path in (cli.home / "runs").iterdir() if path.name[0] != "."] == [run]
    ended = cli.json("wait", run)
    assert (ended["status"], [one["text"] for one in ended["notes"]]) == ("completed", ["once"])


def _send(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    process.stdin.flush()


def test_a_server_ends_with_its_client(served: CommandLine) -> None:
    with agent(served) as call:
        call("list_runs")
        assert len(servers(served)) == 1
        call.begin("wait", timeout=600)
        call("list_runs")
    wait_for(lambda: not servers(served))
    client = subprocess.Popen(
        ["sh", "-c", f"sleep 100 | {' '.join(COMMAND)} mcp"],
        cwd=served.directory,
        env=served.environ,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    wait_for(lambda: servers(served))
    os.killpg(client.pid, signal.SIGKILL)
    client.wait()
    wait_for(lambda: not servers(served))


def test_calls_back_to_back_are_all_answered_in_bounded_memory(served: CommandLine) -> None:
    served.write("train.yaml", TRAIN)
    served("run", "train.yaml", "--wait")
    with agent(served) as call:
        (pid,) = servers(served)
        names = ("list_runs", "show_run", "read_log", "read_metrics")
        for number in range(CALLS):
            name = names[number % 4]
            text, is_error = call.text(name, **({} if name == "list_runs" else {"run": "train"}))
            assert not is_error
            assert len(text) <= tools.LIMIT
            if number == CALLS // 10:
                before = _memory(pid)
        assert _memory(pid) < before + 30 * MIB


def _memory(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
