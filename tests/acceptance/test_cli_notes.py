"""Notes on runs, and the tree of which run came from which."""

from __future__ import annotations

import pytest

from tests.acceptance.command_line import CommandLine

FILE = """
name: train
params: {lr: "0.1", api_key: "s3cret-1"}
stages:
  - name: train
    run: echo "{\\"step\\":1,\\"val/loss\\":${params.lr}}" >> $TRAINUI_METRICS_FILE
"""


@pytest.fixture
def cli(emptied: CommandLine) -> CommandLine:
    """A command line whose worker other tests use, too."""
    return emptied


def test_runs_are_below_their_origin_with_difference_value_and_verdict(
    cli: CommandLine,
) -> None:
    first = cli.run(FILE, "--name", "first")
    second = cli.run(
        FILE, "-p", "lr=0.05", "--from", "first", "--note", "lower", "--name", "second"
    )
    assert (first["from"], second["from"]) == (None, first["run"])
    assert [(one["text"], one["verdict"]) for one in second["notes"]] == [("lower", None)]
    assert "first" in next(
        line for line in cli("show", "second").out.splitlines() if line.startswith("from ")
    )
    secret = cli.run(FILE, "-p", "api_key=s3cret-2", "--from", "second", "--name", "third")
    assert cli("note", "second", "best so far", "--verdict", "keep").code == 0
    assert cli("note", "second", "but noisy").code == 0
    assert cli("note", "third", "--verdict", "discard").code == 0
    rows = {one["name"]: one for one in cli.json("tree")["runs"]}
    assert [rows[name]["from"] for name in ("first", "second", "third")] == [
        None,
        first["run"],
        second["run"],
    ]
    assert rows["second"]["difference"] == "lr 0.1 \u2192 0.05"
    assert rows["second"]["best"] == {"metric": "val/loss", "value": 0.05}
    assert rows["second"]["verdict"] == "keep"
    assert "s3cret" not in str(rows) + cli("tree").out + str(secret)
    lines = cli("tree").out.splitlines()
    assert [line.split()[1] for line in lines] == ["first", "second", "third"]
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4]
    shown = cli("show", "second").out
    assert "note: keep: best so far" in shown
    assert "note: but noisy" in shown
    assert [one["name"] for one in cli.json("ls", "verdict:keep")["runs"]] == ["second"]
    assert [one["name"] for one in cli.json("ls", "note:noisy")["runs"]] == ["second"]
    assert cli("ls", "verdict:keep").out.splitlines()[0].split()[-1] == "VERDICT"
    report = cli("report", "second").out
    noted = [line.partition(": ")[2] for line in report.splitlines() if line.startswith("- ")]
    assert noted == ["lower", "best so far", "but noisy"]
    assert "\nVerdict: **keep**\n" in report
    assert cli("rm", "first", "--yes").code == 0  # what came from it stays
    assert {one["name"]: one["from"] for one in cli.json("tree")["runs"]} == {
        "second": None,
        "third": second["run"],
    }


def test_the_difference_names_sweep_values_or_lines_of_the_file(
    cli: CommandLine,
) -> None:
    more = FILE + "  - {name: x, matrix: {k: [1, 2]}, run: 'echo ${matrix.k}'}\n"
    space = "search: {space: {z: {low: 0.1, high: 1.0}}, metric: m, goal: minimize, trials: 1}"
    say = '''"echo '{\\"step\\":1,\\"m\\":'${search.z}'}' >> $TRAINUI_METRICS_FILE"'''
    searched = more + f"  - {{name: y, {space}, run: {say}}}\n"
    origin: tuple[str, ...] = ()
    for name, text in (("a", FILE), ("b", more), ("c", searched), ("d", f"{searched}# more\n")):
        cli.run(text, "--name", name, *origin)
        origin = ("--from", name)
    cli.run(searched, "--name", "e", "-p", "lr=0.2", "--from", "b")
    rows = {one["name"]: one["difference"] for one in cli.json("tree")["runs"]}
    assert rows == {
        "a": None,
        "b": "k (none) → 1, 2",
        "c": "z (none) → 0.1..1.0",
        "d": "pipeline file: +1 -0 lines",
        "e": "lr 0.1 → 0.2, z (none) → 0.1..1.0",
    }


def test_a_note_that_says_nothing_is_refused(cli: CommandLine) -> None:
    cli.run(FILE, "--name", "first")
    for arguments, code, words in (
        (("first",), 2, "the note is empty"),
        (("first", "x", "--verdict", "maybe"), 2, "expected keep or discard"),
        (("first", "x" * 2001), 2, "at most 2000"),
        (("none", "x"), 3, "no run matches"),
    ):
        refused = cli("note", *arguments)
        assert (refused.code, words in refused.err) == (code, True), refused
    for option, value, code in (("--from", "none", 3), ("--note", " ", 2)):
        assert cli("run", "pipeline.yaml", option, value, "--detach").code == code
    assert len(cli.json("ls")["runs"]) == 1


def test_the_difference_of_bare_commands_is_in_their_words(cli: CommandLine) -> None:
    commands = {
        "a": ["echo", "--lr", "0.1", "--seed=1"],
        "b": ["echo", "--lr", "0.3", "--seed=2"],
        "c": ["echo", "--lr", "0.3"],
        "d": ["echo", "--lr", "0.3"],
    }
    origin: tuple[str, ...] = ()
    for name, command in commands.items():
        assert cli("run", "--wait", "--name", name, *origin, "--", *command).code == 0
        origin = ("--from", name)
    rows = {one["name"]: one["difference"] for one in cli.json("tree")["runs"]}
    assert rows == {
        "a": None,
        "b": "--lr 0.1 → 0.3, --seed=1 → --seed=2",
        "c": "command: echo --lr 0.3",
        "d": "same command",
    }
