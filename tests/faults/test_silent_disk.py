"""A remote file system with an external run stops answering: nothing else waits for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine
from tests.faults.network_disk import network_disk
from tests.unit.supervisor.waiting import wait_for
from trainui import mounts

PIPELINE = {"stages": [{"name": "own", "run": "for i in 1 2 3; do echo step=$i loss=0.$i; done"}]}


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
        wait_for(mounts.has_remote, "the mount")
        assert mounts.remote_mount(f"{tmp_path}/near", f"{far}/a/b") == str(far)
        assert not mounts.does_answer(f"{far}/a", wait=False)
        assert mounts.is_silent_below(str(tmp_path), f"{far}/a")
        assert not mounts.is_silent_below(str(far), f"{far}/a"), "it is looked at anyway"
    with network_disk(tmp_path / "other") as other:
        wait_for(lambda: mounts.remote_mount(str(other)), "the mount")
        assert mounts.does_answer(str(other))
        assert not mounts.is_silent_below(str(tmp_path), str(other))


if not os.access("/dev/fuse", os.W_OK):
    pytestmark = pytest.mark.skip(reason="FUSE cannot be used here")
