"""What others named, wrote or raised is shown on a terminal, and never obeyed by it."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import Filler
from trainui.cli.main import main
from trainui.execution.daemon import lifecycle
from trainui.model.states import Status
from trainui.tui.readers import poller

TRICKS = "\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\a\x7f\u202e\u2066\u061c\u2028"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def hostile(word: str) -> str:
    """A text that would clear the screen, set the clipboard, turn lines, and forge one."""
    return f"{TRICKS}[red]{word}[bold]\nforged {word}"


def words(word: str) -> str:
    """The same on one line, for commands: those of several lines are shown as such."""
    return hostile(word).replace("\n", " ")


class Terminal(io.TextIOWrapper):
    """Takes itself for a terminal."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding="utf-8", newline="", write_through=True)

    def isatty(self) -> bool:
        return True

    def getvalue(self) -> str:
        return self._bytes.getvalue().decode()


@dataclass(frozen=True)
class Shown:
    code: int
    out: str
    err: str


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, on_terminal: bool = True) -> Shown:
    """Run a command in this process, on a terminal or not."""
    out, err = (Terminal() if on_terminal else io.StringIO() for _ in range(2))
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", out)
        patched.setattr(sys, "stderr", err)
        code = main(arguments)
    return Shown(code, out.getvalue(), err.getvalue())


def assert_harmless(shown: Shown) -> None:
    """See that a terminal obeys nothing of it, and that no name makes a line of its own."""
    for stream in (shown.out, shown.err):
        assert not OBEYED.search(stream), ascii(stream)
        assert not re.search(r"^ *forged", stream, re.MULTILINE), stream


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home whose own path plays tricks, and what a command has started in it."""
    monkeypatch.setattr(poller, "PERIOD", 0.05)
    monkeypatch.setattr(poller, "LEAST_GAP", 0.1)
    monkeypatch.setattr(poller, "REST", 0.3)
    home = tmp_path / hostile("home")
    monkeypatch.setenv("TRAINUI_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    yield home
    assert lifecycle.stop()


@pytest.fixture
def run_id(filler: Filler) -> str:
    """A run of which everything plays tricks: one stage failed, one runs, one is blocked."""
    names = {one: hostile(one) for one in ("failed", "running", "after")}
    run_id = filler.run(
        {names["failed"]: (), names["running"]: (), names["after"]: (names["failed"],)},
        name=hostile("run"),
        pipeline=hostile("pipeline"),
        command=("python", hostile("argument")),
        env={"A": hostile("variable")},
        workdir=f"/{hostile('workdir')}",
    )
    attempt = filler.start(run_id, names["failed"])
    filler.log(attempt, f"{TRICKS}[red]stdout[bold]\n10%\r\x1b[1mdone\n")
    filler.log(attempt, f"{TRICKS}[red]stderr[bold]\n", "stderr")
    feeder = filler.curves(run_id, names["failed"], 5)
    feeder.feed({hostile("metric"): [(step, step / 2) for step in range(5, 40)]})
    filler.end(attempt, Status.FAILED, error=f"[red]error[bold]{TRICKS}\nmore{TRICKS}", exit_code=1)
    filler.start(run_id, names["running"])
    branch = {"commit": TRICKS, "branch": hostile("branch"), "dirty": True, "repository": "/x"}
    (Path(attempt.directory).parents[2] / "code.json").write_text(json.dumps(branch))
    return run_id


def test_every_command_shows_a_hostile_run_harmless(
    run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = hostile("failed")
    table = [
        (["ls"], 0, "[red]run"),
        (["show", run_id], 0, "[red]error"),
        (["path", run_id], 0, "[red]home"),
        (["path", run_id, failed], 0, "[red]home"),
        (["logs", run_id, failed], 0, "[red]stderr"),
        (["metrics", run_id], 0, "[red]metric"),
        (["metrics", run_id, "--points"], 0, "[red]metric"),
        (["graph", run_id], 0, "[red]after"),
        (["worker", "status"], 0, "[red]home"),
        (["doctor"], None, "[red]home"),
        (["resume", run_id, "--dry-run"], 0, "[red]failed"),
        (["wait", run_id, "--timeout", "0.1"], 5, "[red]running"),
        (["show", hostile("none")], 3, "none"),
        (["show", run_id, hostile("option")], 2, "option"),
        (["logs", run_id, hostile("none")], 3, "none"),
        (["cancel", run_id], 0, "[red]running"),
    ]
    for arguments, code, word in table:
        for options in ([], ["--json"]):
            shown = run(monkeypatch, *arguments, *options)
            assert code is None or shown.code == code, (arguments, shown)
            assert word in shown.out + shown.err, (arguments, shown)
            assert_harmless(shown)


def test_a_path_is_exact_for_a_script(
    home: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run(monkeypatch, "path", run_id, on_terminal=False)
    assert shown.out == f"{home / 'runs' / run_id}\n"


def test_json_has_the_existing_attempts(run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for on_terminal in (True, False):
        shown = run(monkeypatch, "show", run_id, "--json", on_terminal=on_terminal)
        assert_harmless(shown)
        assert json.loads(shown.out)["name"] == hostile("run")


def test_every_command_shows_a_hostile_file_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    bad, good = f"{TRICKS}bad.yaml", f"{TRICKS}good.yaml"
    stage = {
        "name": hostile("stage"),
        "run": "x",
        hostile("field"): 1,
        "depends_on": [hostile("up")],
    }
    Path(bad).write_text(json.dumps({hostile("top"): 1, "stages": [stage]}))
    pipeline = {
        "name": "x",
        "params": {"p": words("value")},
        "stages": [{"name": "a", "run": ["x", "${params.p}", words("argument")]}],
    }
    Path(good).write_text(json.dumps(pipeline))
    table = [
        (["validate", bad], 2, "[red]up"),
        (["graph", bad], 2, "[red]top"),
        (["run", bad, "--dry-run"], 2, "[red]field"),
        (["validate", good], 0, ""),
        (["run", good, "--dry-run"], 0, "[red]argument"),
        (["run", good, "--dry-run", "-p", f"p={words('given')}"], 0, "[red]given"),
        (["validate", hostile("none")], 2, "none"),
        (["init", good], 2, "good.yaml"),
        ([hostile("command")], 2, "command"),
    ]
    for arguments, code, word in table:
        for options in ([], ["--json"]):
            shown = run(monkeypatch, *arguments, *options)
            assert shown.code == code, (arguments, shown)
            assert word in shown.out + shown.err, (arguments, shown)
            assert_harmless(shown)


async def test_every_pane_shows_a_hostile_run_harmless(run_id: str) -> None:
    async with opened(size=(170, 50)) as driven:
        await shows(driven, "[red]run[bold]")
        await driven.press("enter")
        await shows(driven, "[red]failed[bold]", "[red]pipeline[bold]", "[red]error[bold]")
        await shows(driven, "[red]argument", "[red]metric[bo", "[red]stderr[bold]")
        await driven.press("L", "o")
        await shows(driven, "[red]stdout[bold]")
        await driven.press("L", "question_mark")
        await shows(driven, "Follow the log's end")
        await driven.press("escape", "x")
        await shows(driven, "ended:", "nothing")
        driven.run.graph.select(hostile("running"))
        await driven.press("x")
        await shows(driven, "Cancel")
        await driven.press("escape", "slash", *"fail")
        await shows(driven, "fail")


async def shows(driven: Driven, *texts: str) -> None:
    """Wait for these, and see that the whole screen is harmless."""
    await driven.until_shown(*texts)
    assert not OBEYED.search(driven.text()), ascii(driven.text())
