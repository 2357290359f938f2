"""Arguments are understood or refused, each with the right exit code."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.golden import messages
from trainui.cli.main import main
from trainui.execution import processes

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs a command in this process, in an empty home and directory."""
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    # that one vanishes with a refused command is seen in tests/faults/test_starts.py
    monkeypatch.setattr(processes, "_begin_early_worker", lambda: None)

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


BAD = [
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
    ["ls", "--colour"],
    ["run", "-p"],
    ["shwo"],
    ["run", "train.py"],
    ["run", "python3", "train.py", "--lr", "0.1"],
    ["run", "--wait", "job.sh", "a b"],
    ["completion"],
    ["run", "p.yaml", "q.yaml"],
    ["logs", "a", "b", "-n", "x"],
    ["validate", ""],
]
"""Arguments that are refused; the golden file has the messages."""


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
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


OF_RUNS = ["show", "wait", "cancel", "resume", "metrics", "path", "rm"]


@pytest.mark.parametrize("command", OF_RUNS)
def test_no_such_run_is_3(call: Call, command: str) -> None:
    code, out, _ = call(command, "nothing", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (3, "not_found")


def test_messages_are_those_of_the_golden_file(call: Call, tmp_path: Path) -> None:
    said = {f"trainui {shlex.join(arguments)}": call(*arguments)[2] for arguments in BAD}
    said["trainui show nothing"] = call("show", "nothing")[2].replace(str(tmp_path), "DIRECTORY")
    messages.check("command line", said)


@pytest.mark.parametrize(
    "arguments", [["completion"], ["run", "p.yaml", "q.yaml"], ["logs", "a", "b", "-n", "x"]]
)
def test_a_usage_error_is_one_line_in_plain_words(call: Call, arguments: list[str]) -> None:
    err = call(*arguments)[2]
    assert err.count("\n") == 1
    assert not any(word in err for word in ("(s)", " int ", "range", "\t"))


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
