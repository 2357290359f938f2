"""The screen with a box: its runs in the list, and a page of one, over a real ssh."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import sshd
from tests.acceptance.command_line import CommandLine
from tests.unit.supervisor.waiting import wait_for
from tests.unit.tui.driving import opened
from tests.unit.tui.filled import DIAMOND, Filler
from trainui.control import boxes
from trainui.store.db.engine import open_store
from trainui.tui import box_feed
from trainui.tui.run_list.screen import RunsScreen
from trainui.tui.run_page.layout import Panes
from trainui.tui.run_page.screen import RunScreen

pytestmark = [
    pytest.mark.usefixtures("only_on_sqlite"),
    pytest.mark.skipif(sshd.SERVER is None, reason="there is no sshd; install openssh-server"),
]


@pytest.fixture
def there(
    filler: Filler, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Filler]:
    """What fills the home of the box `gpu2`, which is known here."""
    filler.complete(filler.run({"a": ()}, name="own"), "a")
    away = tmp_path / "away"
    away.mkdir(mode=0o700)
    folder = tmp_path / "sshd"
    folder.mkdir()
    monkeypatch.setattr(box_feed, "FIRST_DELAY", 0.1)
    with sshd.running(folder, "gpu2") as server:
        monkeypatch.setenv("PATH", server.variables["PATH"])
        store = open_store(f"sqlite:///{away}/trainui.db")
        boxes.add("gpu2", "gpu2", home=str(away), command=None)
        yield Filler(store, away / "runs")
        store.close()


def agents(home: Path) -> list[int]:
    """Return the pids of the agents that serve a home."""
    found = subprocess.run(["pgrep", "-f", "trainui agent"], capture_output=True, text=True)
    variable = b"TRAINUI_HOME=" + os.fsencode(home)
    return [pid for pid in map(int, found.stdout.split()) if variable in environ_of(pid)]


def environ_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it has ended
        return b""


async def test_a_run_of_a_box_is_opened_as_one_of_here(there: Filler) -> None:
    run_id = there.run({"a": (), "b": ("a",)}, name="far")
    attempt = there.start(run_id, "a")
    there.log(attempt, "".join(f"line {number}\n" for number in range(100)))
    there.curves(run_id, "a")
    async with opened() as driven:
        await driven.until_shown("own", "far", "gpu2", "● running")
        driven.runs.table.select(f"gpu2:{run_id}")
        await driven.press("enter")
        await driven.until_shown("line 99", "val/accuracy", "0/2")
        there.end(attempt)
        await driven.until_shown("1/2")
        await driven.press("escape")
        await driven.until_shown("own", "far")


async def test_a_lost_box_keeps_its_runs_and_comes_back(there: Filler, tmp_path: Path) -> None:
    there.run(DIAMOND, name="far")
    async with opened() as driven:
        await driven.until_shown("own", "far", "gpu2")
        for pid in agents(tmp_path / "away"):
            os.kill(pid, signal.SIGKILL)
        await driven.until_shown("the connection ended", "far")
        there.run(DIAMOND, name="later")
        await driven.until_shown("later")
        await driven.until_gone("the connection ended")
    wait_for(lambda: not agents(tmp_path / "away"), "their end")


async def test_a_stage_of_a_box_is_cancelled_by_its_key(there: Filler) -> None:
    run_id = there.run({"a": (), "b": ("a",)}, name="far")
    async with opened() as driven:
        await driven.until_shown("far", "queued")
        driven.runs.table.select(f"gpu2:{run_id}")
        await driven.press("x")
        await driven.until_shown("Cancel the run far gpu2:", "2 stages have not started yet")
        await driven.press("y")
        await driven.until_shown("⊘ cancelled")
    assert {one.status for one in (there.stage(run_id, name) for name in "ab")} == {"cancelled"}


ONE = """\
name: far
params: {code: 3}
stages: [{name: a, run: "exit ${params.code}"}]
"""


@pytest.fixture
def failed(there: Filler, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line of the box, where a run of `ONE` has failed."""
    box = CommandLine(tmp_path, {"TRAINUI_HOME": str(tmp_path / "away")})
    box.home = tmp_path / "away"
    (box.directory / "one.yaml").write_text(ONE)
    assert box("run", "one.yaml", "--wait").code == 1
    yield box
    box.close()


async def test_a_run_of_a_box_is_edited_and_noted_by_its_keys(failed: CommandLine) -> None:
    run_id = failed.json("show", "far")["run"]
    async with opened() as driven:
        await driven.until_shown("far", "✗ failed")
        driven.runs.table.select(f"gpu2:{run_id}")
        await driven.press("i", *"why", "enter")
        await driven.until_shown("noted: 1 run", "“why”")
        await driven.press("e")
        await driven.until_shown(" Edit ", "code", "Edit values")
        await driven.press("ctrl+u", *"x", "enter")
        await driven.until_shown("With your edits", "1 to run", "+params: {code: x}")
        await driven.press("escape")
        await driven.press("ctrl+u", *"0", "enter")
        await driven.until_shown("With your edits", "+params: {code: 0}")
        await driven.press("y")
        await driven.until_shown("✓ completed", "1/1")
    assert failed("wait", "far").code == 0
    shown = failed.json("show", "far")
    assert shown["stages"][0]["attempts"][-1]["exit_code"] == 0


async def test_a_silent_box_is_given_up_and_tried_again(
    there: Filler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As without a network: nothing ends, and nothing comes; an open page says so."""
    run_id = there.run(DIAMOND, name="far")
    monkeypatch.setattr(boxes, "ALIVE_PERIOD", 0.2)
    may_connect, connected = threading.Event(), boxes.connected
    may_connect.set()

    @contextmanager
    def connected_later(
        box: boxes.Box, begun: Callable[[boxes.BoxConnection], object]
    ) -> Iterator[boxes.BoxConnection]:
        may_connect.wait()
        with connected(box, begun=begun) as connection:
            yield connection

    monkeypatch.setattr(boxes, "connected", connected_later)
    async with opened() as driven:
        await driven.until_shown("own", "far", "gpu2")
        driven.runs.table.select(f"gpu2:{run_id}")
        await driven.press("enter")
        await driven.until_shown("1 Stages", "waits for a slot")  # read from the box
        (pid,) = agents(tmp_path / "away")
        os.kill(pid, signal.SIGSTOP)
        may_connect.clear()  # so that the notice stays until it was seen
        monkeypatch.setattr(boxes, "SILENT_AFTER", 1.0)  # not before: its start may take longer
        try:
            await driven.until_shown("has sent nothing for 1 s", "far")
        finally:
            os.kill(pid, signal.SIGCONT)
            monkeypatch.setattr(boxes, "SILENT_AFTER", 80.0)
            may_connect.set()
        await driven.until_gone("has sent nothing")
        there.start(run_id, "prepare")
        await driven.until_shown("running")


async def test_a_box_of_another_version_is_listed(
    there: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = there.run(DIAMOND, name="far")
    monkeypatch.setattr(boxes, "PROTOCOL", boxes.PROTOCOL + 1)
    async with opened() as driven:
        await driven.until_shown("own", "far", "gpu2", "queued")
        driven.runs.table.select(f"gpu2:{run_id}")
        await driven.press("enter")
        await driven.until_shown("gpu2 has another version of trainui", "ssh -t gpu2 trainui")
        await driven.until_shown(" › far", "esc back")
        await driven.until_gone("x cancel")


@pytest.mark.long
async def test_an_open_page_and_its_log_go_on_after_a_loss(there: Filler, tmp_path: Path) -> None:
    run_id = there.run({"a": ()}, name="far")
    attempt = there.start(run_id, "a")
    there.log(attempt, "first line\n")
    async with opened() as driven:
        await driven.until_shown("far")
        driven.runs.table.select(f"gpu2:{run_id}")
        await driven.press("enter")
        await driven.until_shown("first line")
        for pid in agents(tmp_path / "away"):
            os.kill(pid, signal.SIGKILL)
        there.log(attempt, "second line\n")
        await driven.until_shown("second line")
        await driven.press("escape")
        await driven.until_shown("own", "far")


async def test_what_cannot_be_drawn_closes_its_box_alone(
    there: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box may send what fits its types and means nothing, e.g. an edge to no stage."""
    run_id = there.run({"a": (), "b": ("a",)}, name="far")
    async with opened() as driven:
        await driven.until_shown("own", "far", "gpu2")
        monkeypatch.setattr(RunScreen, "_show_state", failing)
        driven.runs.table.select(f"gpu2:{run_id}")
        await driven.press("enter")
        await driven.until_shown("gpu2 sent what cannot be drawn")
        await driven.press("escape")
        await driven.until_shown("own")


@pytest.mark.long
async def test_a_key_that_a_boxs_data_breaks_closes_its_box_alone(
    there: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = there.run({"a": ()}, name="far")
    async with opened() as driven:
        await driven.until_shown("own", "far", "gpu2")
        driven.runs.table.select(f"gpu2:{run_id}")
        monkeypatch.setattr(Panes, "action_compare", failing)
        await driven.press("enter")
        await driven.until_shown("Stages")
        await driven.press("c")
        await driven.until_shown("gpu2 sent what cannot be drawn")
        await driven.press("escape")
        monkeypatch.setattr(RunsScreen, "action_compare", failing)
        await driven.until_shown("own")
        await driven.press("c")
        await driven.until_shown("this key failed")


def failing(*_: object) -> None:
    raise KeyError("a stage that there is not")
