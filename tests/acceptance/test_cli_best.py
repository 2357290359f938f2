"""The best trials of a search, and more of them."""

from __future__ import annotations

import shlex
import subprocess

import jsonschema
import pytest

from tests.acceptance.command_line import CommandLine
from trainui.cli.pipeline_file import SCHEMAS

FILE = """
name: tune
stages:
  - name: train
    search:
      space: {x: {low: 0.0, high: 1.0}, act: [relu, gelu]}
      metric: val/loss
      goal: minimize
      trials: 3
      sampler: random
      seed: 0
    run: |
      echo "{\\"step\\": 1, \\"val/loss\\": ${search.x}}" >> $TRAINUI_METRICS_FILE
      : ${search.act}
  - name: plain
    run: "true"
"""


@pytest.fixture
def cli(emptied: CommandLine) -> CommandLine:
    """A command line whose worker other tests use, too."""
    return emptied


def test_the_best_trials_are_listed_with_the_winners_command(cli: CommandLine) -> None:
    run = cli.run(FILE)
    found = cli.json("best", "tune")
    jsonschema.validate(found, SCHEMAS["best"])
    values = [one["value"] for one in found["trials"]]
    assert len(values) == 3
    assert values == sorted(values) == [one["search"]["x"] for one in found["trials"]]
    assert {(one["status"], one["step"]) for one in found["trials"]} == {("completed", 1)}
    first = found["trials"][0]
    shown = {one["name"]: one for one in run["stages"]}[f"train[trial={first['trial']}]"]
    assert (shown["trial"], shown["search"], shown["matrix"]) == (
        first["trial"],
        first["search"],
        None,
    )
    assert first["command"] == shown["command"]
    assert cli.json("best", "tune", "train", "-n", "1")["trials"] == [first]
    lines = cli("best", "tune").out.splitlines()
    assert lines[0].split() == ["trial", "state", "val/loss", "step", "x", "act"]
    command = lines[lines.index("its command:") + 1 :]
    assert command == [
        f"  cd {cli.directory}",
        *(f"  {one}" for one in first["command"].splitlines()),
    ]
    again = next(line for line in lines if "trainui rerun" in line)
    assert cli(*shlex.split(again)[1:]).code == 0
    assert cli("wait", "tune").code == 0
    assert cli.json("best", "tune") == found, "what was reported first counts"


def test_the_best_trials_command_can_be_pasted_into_a_shell(cli: CommandLine) -> None:
    code = "import os; print('loss:', float(os.environ['X']))"
    words = f"""run: ["${{python}}", -c, "{code}", "${{search.act}}"]"""
    variables = 'env: {X: "${search.x}", MY_TOKEN: "abc"}'
    without_command = FILE.replace("metric: val/loss", "metric: loss").partition("    run:")[0]
    cli.run(f"{without_command}    {words}\n    {variables}\n")
    value = cli.json("best", "tune")["trials"][0]["value"]
    _, command = cli("best", "tune").out.split("its command:\n")
    pasted = subprocess.run(["sh", "-e"], input=command, text=True, capture_output=True, check=True)
    assert float(pasted.stdout.removeprefix("loss:")) == value
    assert "export MY_TOKEN='***'\n" in command


def test_more_trials_are_asked_for(cli: CommandLine) -> None:
    cli.run(FILE)
    before = cli.json("best", "tune")["trials"]
    done = cli("resume", "tune", "--trials", "2", "--wait")
    assert (done.code, "train[trial=4]" in done.err) == (0, True), done.err
    after = cli.json("best", "tune", "-n", "9")["trials"]
    assert sorted(one["trial"] for one in after) == [0, 1, 2, 3, 4]
    assert [one for one in after if one["trial"] < 3] == before
    assert len({one["search"]["x"] for one in after}) == 5
    text = cli("resume", "tune", "--trials", "1", "--file", "x.yaml")
    assert (text.code, "--trials and --file exclude each other" in text.err) == (2, True)


GRID = """
name: grid
stages:
  - name: train
    matrix: {lr: [3, 1, 2]}
    search: {metric: loss, goal: minimize}
    run: echo "{\\"loss\\":${matrix.lr}}" >> $TRAINUI_METRICS_FILE
"""


def test_the_members_of_a_matrix_with_a_search_are_ranked(cli: CommandLine) -> None:
    cli.run(GRID)
    found = cli.json("best", "grid", "-n", "2")["trials"]
    assert [(one["value"], one["search"]) for one in found] == [(1, {"lr": "1"}), (2, {"lr": "2"})]
    cli.run(GRID.replace("minimize", "maximize").replace("loss", "reward"), "--name", "other")
    best = {one["name"]: one["best"] for one in cli.json("tree")["runs"]}
    assert best == {
        "grid": {"metric": "loss", "value": 1},
        "other": {"metric": "reward", "value": 3},
    }


def test_a_run_without_a_search_has_no_best_trial(cli: CommandLine) -> None:
    cli.run("stages: [{name: a, run: 'true'}]", "--name", "none")
    missing = cli("best", "none", "--json")
    assert (missing.code, missing.error()) == (3, "not_found")
    more = cli("resume", "none", "--trials", "2")
    assert (more.code, "more trials of a search" in more.err) == (2, True)
