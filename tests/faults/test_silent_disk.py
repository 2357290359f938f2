"""A remote file system with an external run stops answering: nothing else waits for it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Event

import pytest

from tests.acceptance.command_line import CommandLine
from tests.faults.network_disk import network_disk
from tests.unit.supervisor.waiting import wait_for
from trainui import settings, system
from trainui.control import external
from trainui.execution import external as followed
from trainui.execution.daemon import metrics_process
from trainui.execution.daemon.metrics_process import MetricsProcess
from trainui.execution.external import RemoteProcesses
from trainui.paths import Home
from trainui.store.db import engine
from trainui.store.db.engine import open_store
from trainui.store.points import read_points
from trainui.store.read import views

PIPELINE = {"stages": [{"name": "own", "run": "for i in 1 2 3; do echo step=$i loss=0.$i; done"}]}


@pytest.mark.long
def test_an_external_run_on_a_silent_disk_delays_nothing_else(
    cli: CommandLine, tmp_path: Path
) -> None:
    """Its reader is blocked for good; stages end, and the worker stops and starts."""
    far = tmp_path / "far"
    (far / "exp").mkdir(parents=True)
    (far / "exp" / "metrics.csv").write_text("step,loss\n1,0.5\n")
    (far / "exp" / "train.log").write_text("begins\n")
    cli.write("p.yaml", json.dumps(PIPELINE))
    assert cli.json("add", str(far), "--json")["runs"][0]["new"]
    with network_disk(far, silent=True):
        wait_for(lambda: is_blocked(str(far)), "a reader that is blocked")
        for _ in range(2):
            (stage,) = cli.json("run", "p.yaml", "--wait")["stages"]
            assert stage["status"] == "completed"
            assert cli.json("metrics", "p")["series"][0]["count"] == 3
        assert cli("worker", "stop").code == 0
        assert cli.json("run", "p.yaml", "--wait")["status"] == "completed"
        shown = cli("logs", "far/exp", "far-exp")
        assert "its file system does not answer" in shown.err, shown
        for words in (("add", str(far)), (str(far),), ("add", str(far / "exp"), "--dry-run")):
            refused = cli(*words)
            assert refused.code == 2, refused
            assert "its file system does not answer" in refused.err
        assert cli("worker", "stop").code == 0


def test_a_stage_on_a_silent_disk_delays_no_other_stage(cli: CommandLine, tmp_path: Path) -> None:
    """Its own metrics are read when the file system answers again."""
    far = tmp_path / "far"
    stages = [
        {"name": "far", "run": "exec sleep 600", "metrics": f"{far}/metrics.jsonl"},
        {"name": "near", "run": "for i in 1 2 3; do echo step=$i loss=0.$i; done"},
    ]
    cli.write("p.yaml", json.dumps({"stages": stages}))
    with network_disk(far, silent=True):
        cli.json("run", "p.yaml", "--detach")
        wait_for(
            lambda: cli.json("show", "p")["stages"][1]["completed_at"], "the other stage's end"
        )
        assert cli.json("metrics", "p")["series"][0]["count"] == 3
        silent = f"far: its metrics cannot be read now: {far} does not answer"
        assert silent in cli("metrics", "p").err
    assert cli("cancel", "p").code == 0
    wait_for(lambda: cli.json("show", "p")["completed_at"], "the end")


def test_an_unresponsive_disk_is_a_problem_until_it_is_unmounted(
    trainui_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the worker does it; the seconds that an answer may take are left out."""
    monkeypatch.setattr(metrics_process, "SILENT_FOR", 0.0)
    monkeypatch.setattr(followed, "LEAST_PAUSE", 0.0)
    monkeypatch.setattr(followed, "SEARCH_EVERY", 0.0)
    trainui_home.worker.mkdir(parents=True, exist_ok=True)
    far = tmp_path / "far"
    far.mkdir()
    (far / "metrics.csv").write_text("step,loss\n1,0.5\n")
    (added,) = external.add(external.find(far))
    processes = RemoteProcesses(open_store(), settings.host())

    def problems() -> list[str]:
        processes.poll(changed=False)
        with closing(engine.connect_to_read()) as connection:
            (stage,) = views.stages(connection, added.run_id)
            return [one.problem for one in read_points.problems(connection, [stage.id])]

    try:
        with network_disk(far, silent=True):
            (words,) = wait_for(problems, "the problem")
            assert words == f"{far} does not answer; what was written there is read when it does"
        wait_for(lambda: not problems(), "its end")
    finally:
        processes.stop()


def test_a_reader_that_a_silent_disk_blocks_is_replaced(
    trainui_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sooner than one that hangs for another reason: it reads the files of all stages."""
    trainui_home.worker.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(metrics_process, "SILENT_FOR", 0.0)
    monkeypatch.setattr(metrics_process, "POLL_EVERY", 0.0)
    monkeypatch.setattr(
        "trainui.execution.daemon.metrics_process.start_reader", looking_at(tmp_path / "far")
    )
    reader, asked = MetricsProcess(), Event()
    with network_disk(tmp_path / "far", silent=True, asked=asked):
        reader.poll()
        blocked = reader._reader
        assert blocked is not None
        wait_for(asked.is_set, "a reader that is blocked")

        def is_replaced() -> bool:
            reader.poll()
            return reader._reader is not blocked

        wait_for(is_replaced, "another reader")
    reader.close()
    wait_for(reader.has_ended, "the end of the other")


def looking_at(place: Path) -> Callable[[Path], Popen[bytes]]:
    """Return a function that starts a process that does nothing else, as a reader might."""
    command = [sys.executable, "-ISc", "import os, sys; os.stat(sys.argv[1])", str(place)]
    return lambda _log: Popen(command, stdin=PIPE)


def is_blocked(mount: str) -> bool:
    """Return True if the process that reads a remote file system waits for it in the kernel."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            waits = "request_wait" in (process / "wchan").read_text()
        except OSError:
            continue
        if waits and os.fsencode(mount) in command:
            return True
    return False


def test_a_silent_disk_is_known_by_a_child_process(tmp_path: Path) -> None:
    with network_disk(tmp_path / "far", silent=True) as far:
        wait_for(lambda: system.remote_mount(str(far)), "the mount")
        assert system.remote_mount(f"{tmp_path}/near", f"{far}/a/b") == str(far)
        assert not system.does_answer(f"{far}/a", wait=False)
        assert system.is_silent_below(str(tmp_path), f"{far}/a")
        assert not system.is_silent_below(str(far), f"{far}/a"), "it is looked at anyway"
    with network_disk(tmp_path / "other") as other:
        wait_for(lambda: system.remote_mount(str(other)), "the mount")
        assert system.does_answer(str(other))
        system._probe_of(str(other))._child.kill()
        wait_for(lambda: system.does_answer(str(other)), "another child process")
        assert not system.is_silent_below(str(tmp_path), str(other))


if not os.access("/dev/fuse", os.W_OK):
    pytestmark = pytest.mark.skip(reason="FUSE cannot be used here")
