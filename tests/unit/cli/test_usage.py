"""Arguments are understood or refused, each with the right exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from trainui.cli.main import main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs a command in this process, in an empty home and directory."""
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        shown = capsys.readouterr()
        assert not (tmp_path / "home").exists()
        return code, shown.out, shown.err

    return run


COMMANDS = [
    "demo",
    "run",
    "resume",
    "rerun",
    "cancel",
    "wait",
    "ls",
    "show",
    "path",
    "logs",
    "metrics",
    "shell",
    "validate",
    "graph",
    "serve",
    "doctor",
    "rm",
    "worker start",
    "worker stop",
    "worker status",
    "worker pause",
    "worker unpause",
]


@pytest.mark.folders
def test_help_lists_every_command_and_each_teaches_by_an_example(call: Call) -> None:
    _, listed, _ = call("--help")
    for command in COMMANDS:
        assert f"  {command.split()[0]} " in listed
        code, shown, _ = call(*command.split(), "--help")
        assert code == 0
        examples = shown.partition("\n  Examples:\n")[2]
        assert f"trainui {command}" in examples


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["ls", "--no-such-option"],
        ["show"],
        ["logs", "one", "two", "--attempt", "0"],
        ["logs", "one", "two", "--stream", "both-of-them"],
        ["run"],
        ["run", "--"],
        ["run", "p.yaml", "--", "true"],
        ["run", "p.yaml", "-p", "no value"],
        ["run", "p.yaml", "--detach", "--wait"],
        ["run", "there is no such file.yaml"],
        ["run", "-p", "a=1", "--", "true"],
        ["run", "--priority", "9" * 20, "--", "true"],
        ["resume"],
        ["resume", "one", "--interrupted"],
        ["resume", "one", "--detach", "--wait"],
        ["wait", "one", "--timeout", "soon"],
        ["graph", "there is no such file.yaml"],
        ["validate", "there is no such file.yaml"],
        ["worker", "dance"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_2_also_as_json(call: Call, arguments: list[str]) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.strip()
    at = arguments.index("--") if "--" in arguments else len(arguments)
    code, out, _ = call(*arguments[:at], "--json", *arguments[at:])
    assert code == 2
    value = json.loads(out)
    if arguments[0] == "validate":
        assert not value["valid"]
    else:
        assert value["error"]["code"] in ("usage", "pipeline_file")


@pytest.mark.parametrize("command", ["show", "wait", "cancel", "resume", "metrics", "path", "rm"])
def test_no_such_run_is_3(call: Call, command: str) -> None:
    code, out, _ = call(command, "nothing", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (3, "not_found")


def test_a_usage_error_has_a_hint(call: Call) -> None:
    assert "see `trainui ls --help`" in call("ls", "--colour")[2]
    assert "see `trainui run --help`" in call("run", "-p")[2]
    assert "; did you mean" in call("shwo")[2]


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["train.py"], "run -- python train.py"),
        (["python3", "train.py", "--lr", "0.1"], "run -- python3 train.py --lr 0.1"),
        (["--wait", "job.sh", "a b"], "run --wait -- bash job.sh 'a b'"),
    ],
)
def test_a_command_instead_of_a_file_is_corrected(
    call: Call, arguments: list[str], written: str
) -> None:
    code, _, err = call("run", *arguments)
    assert code == 2
    assert f"`trainui {written}`" in err


@pytest.mark.parametrize(
    "arguments", [["completion"], ["run", "p.yaml", "q.yaml"], ["logs", "a", "b", "-n", "x"]]
)
def test_a_usage_error_is_one_line_in_plain_words(call: Call, arguments: list[str]) -> None:
    err = call(*arguments)[2]
    assert err.count("\n") == 1
    assert not any(word in err for word in ("(s)", " int ", "range", "\t"))


def test_a_file_without_a_name_is_distinguished_from_a_directory(call: Call) -> None:
    assert "name of the file is empty" in call("validate", "")[2]


def test_help_is_a_command_too(call: Call) -> None:
    assert call("help") == call("--help")
    assert call("help", "worker", "stop") == call("worker", "stop", "--help")


@pytest.mark.parametrize(
    "arguments", [["ls"], ["events"], ["prune"], ["resume", "--interrupted"]], ids=" ".join
)
def test_nothing_to_look_at_yet_is_no_failure(call: Call, arguments: list[str]) -> None:
    code, out, _ = call(*arguments, "--json")
    assert code == 0
    assert not any(json.loads(out).get(kind) for kind in ("runs", "events"))
    assert call(*arguments)[0] == 0


def test_json_after_the_separator_is_the_commands_own(call: Call) -> None:
    code, out, _ = call("run", "p.yaml", "--", "tool", "--json")
    assert (code, out) == (2, "")
