"""`trainui plugins` and `doctor` name a broken plugin, and everything else works."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import trainui
from tests.acceptance.command_line import CommandLine
from tests.unit.plugin.packages import install

PACKAGE = Path(trainui.__file__).parent

PIPELINE = """
name: two
stages:
  - name: first
    run: for step in 1 2 3; do echo "step $step loss 0.$step"; done
  - {name: second, depends_on: [first], run: echo done}
"""

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
    if times > 2:
        raise SystemExit(8)
    print(f"hello {name}" * times)
'''


@pytest.fixture
def cli_with_plugins(cli: CommandLine, tmp_path: Path) -> CommandLine:
    site = tmp_path / "site"
    texts = {"good": HELLO, "bad": "raise ValueError('no such luck')"}
    texts["taken"] = HELLO.replace("hello", "ls")
    for name, text in texts.items():
        named = {"good": "hello", "taken": "ls"}.get(name, name)
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
    assert found["ls"]["problem"] == "trainui itself has a command of this name"
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
    assert cli("hello", "you", "--times", "3").code == 8
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


FOLDERS = sorted(
    one.name for one in (PACKAGE / "plugins").iterdir() if (one / "__init__.py").exists()
)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, from which folders can be deleted."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(
        PACKAGE,
        root / "trainui",
    )
    return root


@pytest.mark.usefixtures("only_on_sqlite")
@pytest.mark.parametrize(
    "deleted",
    [
        FOLDERS,
        *(pytest.param(FOLDERS[at::2], marks=pytest.mark.long) for at in (0, 1)),
    ],
    ids=["all", "a", "b"],
)
def test_without_plugins_folders_the_rest_works(
    cli: CommandLine, copied: Path, deleted: list[str]
) -> None:
    """All of them, or every other: import-linter sees that none imports another."""
    for name in deleted:
        (copied / "trainui/plugins" / name).rename(copied / name)
    cli.environ["PYTHONPATH"] = str(copied)
    file = cli.write("two.yaml", PIPELINE)
    try:
        done = cli("run", str(file), "--wait", "--json")
        assert done.code == 0, done
        found = cli.json("metrics", "two", "--json")["series"]
        assert {(one["stage"], one["name"], one["count"]) for one in found} == {
            ("first", "loss", 3)
        }
        listed = cli.json("plugins")["plugins"]
        missing = {one["problem"] for one in listed if not one["loaded"]}
        assert missing == {f"its module trainui.plugins.{name} is missing" for name in deleted}
        assert cli("worker", "stop").code == 0
    finally:
        for name in deleted:
            (copied / name).rename(copied / "trainui/plugins" / name)
