"""Boxes, reached by a real sshd: two homes beside this one, on the same machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests import sshd
from tests.acceptance.command_line import CommandLine
from tests.unit.supervisor.waiting import wait_for
from tests.unit.tui.filled import Filler
from trainui import clock, paths
from trainui.store.db.engine import open_store

pytestmark = [
    pytest.mark.usefixtures("only_on_sqlite"),
    pytest.mark.skipif(sshd.SERVER is None, reason="there is no sshd; install openssh-server"),
]

HOSTS = ("gpu1", "gpu2", "other")


@dataclass(frozen=True)
class Lab:
    """This machine, and two boxes with runs of their own."""

    here: CommandLine
    gpu1: CommandLine
    gpu2: CommandLine
    server: sshd.Sshd

    def agents(self) -> list[int]:
        found = subprocess.run(["pgrep", "-f", "trainui agent"], capture_output=True, text=True)
        homes = [str(one.home) for one in (self.gpu1, self.gpu2)]
        return [pid for pid in map(int, found.stdout.split()) if _home_of(pid) in homes]


def _home_of(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((os.fsdecode(one[13:]) for one in words if one[:13] == b"TRAINUI_HOME="), "")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with sshd.running(tmp_path_factory.mktemp("sshd"), *HOSTS) as server:
        here, gpu1, gpu2 = (
            CommandLine(tmp_path_factory.mktemp(name)) for name in ("here", "gpu1", "gpu2")
        )
        here.environ["PATH"] = f"{server.bin}:{here.environ['PATH']}"
        store = open_store(f"sqlite:///{paths.make_private(gpu1.home)}/trainui.db")
        filler = Filler(store, gpu1.home / "runs")
        first = filler.run({"train": ()}, name="first")
        attempt = filler.start(first, "train")
        filler.log(attempt, "some\nlines\n")
        filler.curves(first, "train", 5)
        filler.end(attempt)
        store.close()
        gpu2("run", "--name", "second", "--wait", "--", "sh", "-c", "echo oh >&2; exit 3")
        for name, box in (("gpu1", gpu1), ("gpu2", gpu2)):
            done = here("boxes", "add", name, name, "--home", str(box.home))
            assert done.code == 0, done
        yield Lab(here, gpu1, gpu2, server)
        for one in (here, gpu1, gpu2):
            one.close()


def test_a_box_is_found_and_named(lab: Lab) -> None:
    found = lab.here.json("boxes", "ls")["boxes"]
    assert [(one["box"], one["answers"], one["command"]) for one in found] == [
        ("gpu1", True, "trainui"),
        ("gpu2", True, "trainui"),
    ]
    taken = lab.here("boxes", "add", "gpu1", "gpu2")
    assert taken.code == 2
    assert "trainui boxes rm gpu1" in taken.err


def test_trainui_is_found_by_a_login_shell(lab: Lab, tmp_path: Path) -> None:
    """Its directory is on the PATH of login shells alone."""
    config = lab.server.folder / "sshd_config"
    before = config.read_text()
    home = tmp_path / "login"
    home.mkdir()
    place = Path(lab.gpu1.environ["PATH"].partition(":")[0])
    (home / ".profile").write_text(f"PATH={place}:$PATH\n")
    lines = [line for line in before.splitlines() if not line.startswith("SetEnv")]
    config.write_text("\n".join([*lines, f"SetEnv PATH=/usr/bin:/bin HOME={home} SHELL=/bin/sh\n"]))
    try:
        lab.server.stop()
        lab.server.start()
        done = lab.here.json("boxes", "add", "login", "other", "--home", str(lab.gpu1.home))
        assert done["command"].startswith("$SHELL -lc")
        assert lab.here.json("show", "login:first")["name"] == "first"
    finally:
        config.write_text(before)
        lab.server.stop()
        lab.server.start()
        lab.here("boxes", "rm", "login")


def test_one_list_newest_first(lab: Lab) -> None:
    lab.here("run", "--name", "own", "--wait", "--", "true")
    runs = lab.here.json("ls")["runs"]
    assert [(one["name"], one["box"]) for one in runs][:3] == [
        ("own", None),
        ("second", "gpu2"),
        ("first", "gpu1"),
    ]
    only = lab.here.json("ls", "box:gpu2", "status:failed")["runs"]
    assert [one["name"] for one in only] == ["second"]
    shown = lab.here("ls").out.splitlines()
    assert shown[0].split()[:3] == ["RUN", "BOX", "NAME"]


def test_a_run_there_is_read_as_here(lab: Lab) -> None:
    shown = lab.here.json("show", "gpu1:first")
    assert {**shown, "box": None} == lab.gpu1.json("show", "first")
    assert shown["box"] == "gpu1"
    assert lab.here("logs", "gpu1:first", "train").out == "some\nlines\n"
    points = lab.here("metrics", "gpu1:first", "--points", "--json").out.splitlines()
    assert [{**json.loads(line), "box": 0} for line in points] == [
        {**json.loads(line), "box": 0}
        for line in lab.gpu1("metrics", "first", "--points", "--json").out.splitlines()
    ]
    assert lab.here("wait", "gpu2:second").code == 1
    missing = lab.here("show", "gpu1:none", "--json")
    assert (missing.code, missing.error()) == (3, "not_found")


def test_the_digests_are_one(lab: Lab) -> None:
    found = lab.here.json("digest", "--since", "1h")
    assert {one["box"] for one in found["ended"]} >= {"gpu1", "gpu2"}
    (trouble,) = [one for one in found["trouble"] if one["box"] == "gpu2"]
    assert trouble["suggestion"]["command"].startswith("trainui resume gpu2:")
    text = lab.here("digest", "--since", "1h").out
    assert "gpu2:second/sh" in text
    assert text.count("Trouble") == 1


def test_a_stage_there_is_cancelled_and_resumed(lab: Lab) -> None:
    script = "[ -e go ] && exit 0; touch started; until false; do sleep 0.1; done"
    lab.gpu2("run", "--name", "long", "--detach", "--", "sh", "-c", script)
    wait_for(lambda: (lab.gpu2.directory / "started").exists(), "the start")
    assert lab.here("cancel", "gpu2:long").code == 0
    assert lab.here("wait", "gpu2:long").code == 130
    (lab.gpu2.directory / "go").touch()
    assert lab.here("resume", "gpu2:long", "--wait").code == 0
    assert lab.gpu2.status("long") == "completed"


@pytest.mark.long
def test_an_agent_of_here_is_one_there(lab: Lab) -> None:
    lab.gpu2("run", "--name", "again", "--wait", "--", "true")
    for environ in ({"TRAINUI_AGENT": "1"}, {}):
        assert lab.here("rerun", "gpu2:again", **environ).code == 0
        lab.gpu2("wait", "again")
    events = lab.gpu2.json("events", "again")["events"]
    assert [one["text"] for one in events if one["kind"] == "agent"] == ["rerun by agent: true"]


@pytest.mark.long
def test_points_there_are_exported_to_a_file_of_here(lab: Lab) -> None:
    assert lab.here("export", "gpu1:first").out == lab.gpu1("export", "first").out
    done = lab.here.json("export", "gpu1:first", "--output", "points.jsonl")
    written = (lab.here.directory / "points.jsonl").read_text()
    assert written == lab.gpu1("export", "first", "--format", "jsonl").out
    assert done["points"] == len(written.splitlines()) > 0
    failed = lab.here("export", "gpu1:none", "--output", "none.csv")
    assert (failed.code, (lab.here.directory / "none.csv").exists()) == (3, False)


def test_a_run_there_is_deleted_once_it_is_confirmed(lab: Lab) -> None:
    lab.gpu2("run", "--name", "old", "--wait", "--", "true")
    asked = lab.here("rm", "gpu2:old")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert lab.gpu2.status("old") == "completed"
    assert lab.here("rm", "gpu2:old", "--yes").code == 0
    assert lab.gpu2("show", "old").code == 3


def test_commands_in_a_message_name_the_box(lab: Lab) -> None:
    run_id = lab.gpu2.json("show", "second")["run"]
    assert f"trainui resume gpu2:{run_id[:8]}" in lab.here("wait", "gpu2:second").err


def test_ctrl_c_leaves_the_run_going(lab: Lab) -> None:
    script = "until [ -e end ]; do sleep 0.1; done"
    lab.gpu2("run", "--name", "going", "--detach", "--", "sh", "-c", script)
    with lab.here.start("wait", "gpu2:going") as waiting:
        wait_for(lambda: bool(lab.agents()), "the agent")
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(20) == 130
    wait_for(lambda: not lab.agents(), "the agent's end")
    assert lab.gpu2.status("going") in ("queued", "running")
    (lab.gpu2.directory / "end").touch()
    assert lab.gpu2("wait", "going").code == 0


def test_tracked_files_alone_are_copied_to_run_there(lab: Lab) -> None:
    project = lab.here.directory / "project"
    project.mkdir()
    (project / "p.yaml").write_text('name: copied\nstages: [{name: a, run: "cat word; ls"}]\n')
    (project / "word").write_text("hello\n")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    (project / "word").write_text("changed\n")
    (project / "secret").write_text("not tracked")
    done = lab.here("run", "--box", "gpu2", "project/p.yaml", "--wait")
    assert done.code == 0, done
    assert "1 file that git does not track" in done.err
    assert lab.gpu2("logs", "copied", "a").out.split() == ["changed", "p.yaml", "word"]
    assert lab.here.json("ls", "name:copied")["runs"][0]["box"] == "gpu2"


def test_a_box_that_sleeps_keeps_its_last_list(lab: Lab) -> None:
    before = lab.here.json("ls", "box:gpu1")["runs"]
    lab.server.stop()
    try:
        done = lab.here("ls", "box:gpu1", "--json")
        assert done.json()["runs"] == before
        assert "gpu1: it cannot be reached" in lab.here("ls").err
        shown = lab.here("show", "gpu1:first", "--json")
        assert (shown.code, shown.error()) == (4, "box")
    finally:
        lab.server.start()


def test_what_ssh_refuses_is_said_with_the_remedy(lab: Lab) -> None:
    keys, hosts = lab.server.authorized, lab.server.known_hosts
    for file, words in ((keys, "ssh-copy-id gpu1"), (hosts, "accept it with `ssh gpu1`")):
        before = file.read_text()
        file.write_text("")
        try:
            done = lab.here("show", "gpu1:first")
        finally:
            file.write_text(before)
        assert done.code == 4
        assert words in done.err
    assert "no such host" in lab.here("boxes", "add", "x", "nohost.invalid").err
    assert lab.here("boxes", "add", "x", "-oProxyCommand=touch x").code == 2


def test_a_box_without_trainui_is_said(lab: Lab) -> None:
    done = lab.here("boxes", "add", "bare", "other", "--command", "/nowhere/trainui")
    assert done.code == 4
    assert "no trainui on other; install it there" in done.err
    assert [one["box"] for one in lab.here.json("boxes", "ls")["boxes"]] == ["gpu1", "gpu2"]


GREETING = '{"protocol": 1, "now": 0}'

ESCAPES = json.dumps({"id": 0, "out": "\x1b]0;title\x07\x1b[2J\x9b2J"})

HOSTILE = {
    "escapes": f"echo '{GREETING}'; read line; echo '{ESCAPES}'; echo '{{\"id\": 0, \"exit\": 0}}'",
    "flood": f"echo '{GREETING}'; yes | tr -d '\\n'",
    "no message": f"echo '{GREETING}'; echo '[1, 2]'",
    "deep": f"echo '{GREETING}'; head -c 200000 /dev/zero | tr '\\0' '['; echo",
    "no greeting": "yes",
    "no time": """echo '{"protocol": 1, "now": 1e400}'""",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_box_does_no_harm(lab: Lab, tmp_path: Path, kind: str) -> None:
    script = tmp_path / "trainui"
    script.write_text(f"#!/bin/bash\n{HOSTILE[kind]}\n")
    script.chmod(0o755)
    name = f"bad-{kind.replace(' ', '-')}"
    file = lab.here.home / "boxes.json"
    before = file.read_text()
    boxes = json.loads(before)
    boxes["boxes"][name] = {"host": "other", "home": None, "command": str(script)}
    file.write_text(json.dumps(boxes))
    try:
        done = lab.here("show", f"{name}:x")
    finally:
        file.write_text(before)
    assert "\x1b" not in done.out + done.err
    assert done.code == (0 if kind == "escapes" else 4), done
    assert "Traceback" not in done.err


HOSTILE_RUNS = (
    '{"run": "a", "name": "a", "status": "failed", "seconds_worked": Infinity}',
    '{"run": "a", "name": "a", "status": "failed", "created_at": "9999-12-31T23:59:59Z"}',
    "[" * 50_000,
)


def test_hostile_lists_leave_one_list(lab: Lab, tmp_path: Path) -> None:
    file = lab.here.home / "boxes.json"
    before = file.read_text()
    boxes = json.loads(before)
    for number, run in enumerate(HOSTILE_RUNS):
        answer = json.dumps({"id": 0, "out": f'{{"runs": [{run}]}}'})
        sent = tmp_path / f"lines{number}"
        sent.write_text("\n".join([GREETING, answer, '{"id": 0, "exit": 0}', ""]))
        script = tmp_path / f"trainui{number}"
        script.write_text(f"#!/bin/bash\nhead -n 1 {sent}; read x; tail -n +2 {sent}")
        script.chmod(0o755)
        bad = {"host": "other", "home": None, "command": str(script)}
        boxes["boxes"][f"bad{number}"] = bad
    file.write_text(json.dumps(boxes))
    try:
        runs = lab.here.json("ls")["runs"]
        shown = lab.here("ls")
    finally:
        file.write_text(before)
    assert shown.code == 0
    assert all(f"bad{number}" in shown.out + shown.err for number in range(len(HOSTILE_RUNS)))
    assert {one["box"] for one in runs} >= {"gpu1", "gpu2"}


def test_times_are_right_where_the_clock_is_wrong(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nreal = time.time_ns\ntime.time_ns = lambda: real() + 3 * 3600 * 10**9\n"
    )
    wrapper = tmp_path / "trainui-fast"
    place = Path(lab.gpu1.environ["PATH"].partition(":")[0])
    wrapper.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {place}/trainui "$@"\n')
    wrapper.chmod(0o755)
    home = tmp_path / "home"
    words = ["boxes", "add", "fast", "other", "--home", str(home), "--command", str(wrapper)]
    assert lab.here(*words).code == 0
    file = tmp_path / "runs.py"
    file.write_text(_STORE_A_RUN)
    variables = {**os.environ, "TRAINUI_HOME": str(home), "PYTHONPATH": str(tmp_path)}
    subprocess.run(
        [place / "python", file], env=variables, check=True, cwd=Path(__file__).parents[2]
    )
    try:
        (run,) = lab.here.json("ls", "box:fast")["runs"]
        (near,) = lab.here.json("ls", "box:gpu1")["runs"]
        assert abs(_hours(run["created_at"]) - _hours(near["created_at"])) < 0.5
        shown = lab.here.json("show", "fast:fast")
        assert abs(_hours(shown["created_at"]) - _hours(run["created_at"])) < 0.01
        line = next(
            one for one in lab.here("show", "fast:fast").out.splitlines() if "created" in one
        )
        printed = datetime.fromisoformat(line.removeprefix("created").strip()).astimezone()
        assert abs(_hours(printed.isoformat()) - _hours(run["created_at"])) < 0.01
    finally:
        lab.here("boxes", "rm", "fast")


_STORE_A_RUN = """
import sys
sys.path.insert(0, "")
from pathlib import Path
from tests.unit.tui.filled import DIAMOND, Filler
from trainui import paths
from trainui.store.db.engine import open_store
home = paths.make_private(paths.home().root)
Filler(open_store(), home / "runs").run(DIAMOND, name="fast")
"""


def _hours(text: Any) -> float:
    return clock.from_iso(text) / clock.SECOND / 3600
