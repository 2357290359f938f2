"""Old runs are deleted only after they were listed, and never a running one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine
from tests.acceptance.test_cli_terminal import terminal

TEXT = """
    name: {0}
    stages:
      - {{name: a, run: "head -c 1000000 /dev/zero > $TRAINUI_STAGE_DIR/big"}}
    """
ALIVE = """
    name: {0}
    stages:
      - {{name: a, run: "while ! test -e alive.go; do sleep 0.05; done"}}
    """
AT_ONCE = ("--older-than", "0s")


@pytest.fixture
def cli(emptied: CommandLine) -> CommandLine:
    """A command line whose worker other tests use, too."""
    return emptied


def test_pruning_lists_candidates_and_spares_new_and_running_runs(
    cli: CommandLine,
) -> None:
    first, second, third = (cli.run(TEXT.format("old"))["run"] for _ in range(3))
    other = cli.run(TEXT.format("other"))["run"]
    cli.write("alive.yaml", ALIVE.format("old"))
    alive = cli.json("run", "alive.yaml", "--detach")["run"]

    assert cli.json("prune")["runs"] == []  # nothing is 30 days old
    dry = cli.json("prune", "--keep", "2", *AT_ONCE, "--dry-run")
    # of the pipeline `old` the living one is the newest, and counts
    assert [run["run"] for run in dry["runs"]] == [first, second]
    assert dry["bytes"] >= 2_000_000
    assert dry["kept"] == 3
    refused = cli("prune", "--keep", "2", *AT_ONCE)
    assert refused.code == 2
    assert "2 runs" in refused.err
    assert "--yes" in refused.err
    everything = {first, second, third, other, alive}
    assert {run["run"] for run in cli.json("ls")["runs"]} == everything

    done = cli.json("prune", "--keep", "0", *AT_ONCE, "--yes")
    assert {run["run"] for run in done["runs"]} == everything - {alive}
    assert [run["run"] for run in cli.json("ls")["runs"]] == [alive]
    left = Path(cli.json("path", alive)["paths"][0])
    assert [path.name for path in left.parent.glob("[!.]*")] == [alive]
    cli.write("alive.go", "")
    assert cli("wait", alive).code == 0


def test_a_run_marked_keep_is_not_pruned(served: CommandLine) -> None:
    kept, dropped = (served.run(TEXT.format("marked"))["run"] for _ in range(2))
    served("note", kept, "good", "--verdict", "keep")
    served("note", dropped, "bad", "--verdict", "discard")
    listed = served.json("prune", "--keep", "0", *AT_ONCE, "--dry-run")
    assert [run["run"] for run in listed["runs"]] == [dropped]
    served("note", kept, "after all not", "--verdict", "discard")
    done = served.json("prune", "--keep", "0", *AT_ONCE, "--yes")
    assert {run["run"] for run in done["runs"]} == {kept, dropped}


def test_on_a_terminal_it_lists_and_asks(served: CommandLine) -> None:
    run_id = served.run(TEXT.format("listed"))["run"]
    for answer, is_left in (("n", True), ("y", False)):
        with terminal(served, "prune", "--keep", "0", *AT_ONCE) as child:
            child.expect(f"{run_id[:8]}.*listed.*1 MB")
            child.expect("Delete 1 run and keep 0")
            child.sendline(answer)
            child.expect("nothing was deleted" if is_left else "deleted 1 run, 1 MB")
        assert [run["run"] for run in served.json("ls")["runs"]] == ([run_id] if is_left else [])


def test_a_duration_that_is_none_is_refused(served: CommandLine) -> None:
    refused = served("prune", "--older-than", "a month", "--json")
    assert (refused.code, refused.error()) == (2, "usage")
