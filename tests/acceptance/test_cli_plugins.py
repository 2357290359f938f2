"""`trainui plugins` and `doctor` name a broken plugin, and everything else works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine
from tests.unit.plugin.packages import install

HELLO = """
from trainui.plugin import Command
COMMAND = Command(interface=1, name="hello", run="hello_code:hello", help="Say hello.")
"""
CODE = '''
import typer

def hello(name: str, times: int = 1, fail: bool = False) -> None:
    """Say hello to somebody."""
    if fail:
        raise ValueError("no voice")
    if times > 3:
        raise typer.Exit(7)
    print(f"hello {name}" * times)
'''


@pytest.fixture
def cli_with_plugins(cli: CommandLine, tmp_path: Path) -> CommandLine:
    site = tmp_path / "site"
    for name, text in {"good": HELLO, "bad": "raise ValueError('no such luck')"}.items():
        named = "hello" if name == "good" else name
        files = {f"{name}_plugin.py": text} | ({"hello_code.py": CODE} if name == "good" else {})
        install(site, f"trainui-{name}", {f"commands:{named}": f"{name}_plugin:COMMAND"}, files)
    path = os.pathsep.join(filter(None, [str(site), cli.environ.get("PYTHONPATH", "")]))
    cli.environ["PYTHONPATH"] = path
    return cli


def test_every_plugin_is_listed_with_its_problem(cli_with_plugins: CommandLine) -> None:
    found = {one["name"]: one for one in cli_with_plugins.json("plugins")["plugins"]}
    assert found["hello"] == {
        "name": "hello",
        "kind": "command",
        "package": "trainui-good",
        "version": "1",
        "loaded": True,
        "problem": None,
    }
    assert not found["bad"]["loaded"]
    assert found["bad"]["problem"] == "ValueError: no such luck"
    findings = cli_with_plugins.json("doctor")["findings"]
    (about,) = (one for one in findings if one["name"] == "plugins")
    assert about["level"] == "note"
    assert "trainui-bad" in about["message"]
    assert "no such luck" in cli_with_plugins("plugins").out


def test_a_plugins_command_is_called_and_listed(cli_with_plugins: CommandLine) -> None:
    cli = cli_with_plugins
    assert cli("hello", "you", "--times", "2").out == "hello youhello you\n"
    assert "Say hello." in cli("--help").out
    assert "Say hello to somebody." in cli("hello", "--help").out
    assert cli("hello", "you", "--times", "9").code == 7
    assert cli("hello").code == 2
    assert cli("hallo").code == 2


def test_an_exception_in_a_command_names_its_plugin(cli_with_plugins: CommandLine) -> None:
    cli = cli_with_plugins
    cli.json("worker", "status")
    failed = cli("hello", "you", "--fail")
    assert failed.code == 1
    assert "trainui-good 1" in failed.err
    assert "bug in trainui" not in failed.err
    assert cli("ls").code == 0


def test_known_commands_search_for_no_plugins(cli_with_plugins: CommandLine) -> None:
    cli = cli_with_plugins
    assert cli("ls", "--json").code == 0
    assert cli("show", "nothing").code == 3
    assert not list(Path(cli.environ["TRAINUI_HOME"]).rglob("plugins.json"))
