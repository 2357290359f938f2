"""`ls` with a filter and an order: a leaderboard in one line."""

from __future__ import annotations

import pytest

from tests.acceptance.command_line import CommandLine

FILE = """
name: train
params: {lr: "0.1"}
stages:
  - name: train
    run: >-
      echo "{\\"step\\":1,\\"val/loss\\":${params.lr},\\"val/acc\\":${params.lr}}"
      >> $TRAINUI_METRICS_FILE
"""


@pytest.fixture
def cli(emptied: CommandLine) -> CommandLine:
    """A command line whose worker other tests use, too."""
    return emptied


def test_runs_are_filtered_and_sorted_as_in_the_screen(cli: CommandLine) -> None:
    for name, lr in (("a", "0.3"), ("b", "0.1"), ("c", "0.2")):
        cli.run(FILE, "-p", f"lr={lr}", "--name", name)
    cli.run("stages: [{name: x, run: exit 3}]\n", "--name", "d", name="d.yaml", code=1)

    def names(*arguments: str) -> list[str]:
        return [one["name"] for one in cli.json("ls", *arguments)["runs"]]

    assert names("--sort", "metric.val/loss") == ["b", "c", "a", "d"]
    assert names("--sort", "smoothed.val/loss")[-1] == "d"
    assert names("--sort", "metric.val/acc", "--limit", "2") == ["a", "c"]
    assert names("--sort", "params.lr", "status:completed") == ["b", "c", "a"]
    assert names("metric.val/loss<0.25", "name:a,c") == ["c"]
    assert "b" not in cli("ls", "--", "-name:b").out.split()
    assert names("status:failed") == ["d"]
    assert names() == ["d", "c", "b", "a"]
    assert "none of these runs has 'los'" in cli("ls", "--sort", "metric.los").err
    lines = cli("ls", "--sort", "metric.val/loss", "--limit", "2").out.splitlines()
    assert lines[0].split()[-1] == "val/loss"
    assert [(line.split()[1], line.split()[-1]) for line in lines[1:]] == [
        ("b", "0.1"),
        ("c", "0.2"),
    ]
    cli.run(
        "stages: [{name: x, matrix: {lr: [5, 7]}, run: 'echo ${matrix.lr}'}]\n",
        *("--name", "e"),
        name="e.yaml",
    )
    assert names("lr>6") == ["e"]
    assert names("params.lr>0.2", "--sort", "params.lr") == ["a", "e"]
    assert [line.split()[-1] for line in cli("ls", "lr>6").out.splitlines()] == ["lr", "5..7"]
    for arguments, words in (
        (("size:3",), "unknown field 'size'"),
        (("--sort", "best"), "expected when, state, name"),
    ):
        refused = cli("ls", *arguments)
        assert (refused.code, words in refused.err) == (2, True), refused
