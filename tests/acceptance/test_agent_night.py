"""A night of an agent's experiments on a real training, and ten questions about it in the morning.

The agent is a script that has the tools of `trainui mcp --write` alone, and edits the code. Six
experiments, or twenty with TRAINUI_TEST_LONG=1, each with the same budget; one runs out of memory
and is mended by its prepared edit, one hangs, and everything is killed once.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine
from tests.acceptance.mcp_client import Agent, agent
from tests.acceptance.small_training import TRAIN
from tests.integration.conftest import kill_all
from tests.unit.supervisor.waiting import wait_for
from trainui.paths import Home

EXPERIMENTS = 20 if os.environ.get("TRAINUI_TEST_LONG") else 6

FILE = """
    name: experiment
    snapshot: true
    params: {lr: 0.5, batch_size: 32, hang_at: -1, budget: 3}
    stages:
      - name: train
        run: >
          python train.py --lr ${params.lr} --batch-size ${params.batch_size}
          --hang-at ${params.hang_at} --steps 100000000 --out ${stage_dir}
        budget: ${params.budget}
        silence_timeout: 2.5s
        grace: 1s
        checkpoint: "ckpt-*.json"
        resume_args: [--resume, "${checkpoint}"]
        outputs: [best.json]
    """


@dataclass(frozen=True)
class Idea:
    """What an experiment tries: an edit of the code, and parameters."""

    note: str
    degree: int
    params: dict[str, Any] = field(default_factory=dict)


IDEAS = (
    Idea("a cubic", 3),
    Idea("a larger batch", 1, {"batch_size": 4096}),
    Idea("wait for a barrier", 1, {"hang_at": 20, "budget": 60}),
    Idea("a quintic", 5),
    *(
        Idea(f"degree {degree}, lr {lr}", degree, {"lr": lr})
        for degree, lr in itertools.product((2, 3, 4, 6), (0.05, 0.2, 0.3))
    ),
)


class Night:
    """What the agent does, and what it knows."""

    def __init__(self, cli: CommandLine) -> None:
        self.cli = cli
        self.degree = 1
        self.best: tuple[float, str] | None = None
        self.ideas: dict[str, Idea] = {}
        self.mended: list[str] = []
        self.cursor = ""

    def submit(self, call: Agent, idea: Idea, origin: str | None = None) -> str:
        """Edit the code and submit it, twice by mistake."""
        code = TRAIN.replace("PAUSE = 0.0", "PAUSE = 0.004")
        self.cli.write("train.py", code.replace("DEGREE = 1", f"DEGREE = {idea.degree}"))
        request = {
            "file": "experiment.yaml",
            "params": idea.params,
            "note": idea.note,
            "request_id": f"{idea} {origin}",
            **({"from": origin} if origin else {}),
        }
        first, again = call("submit", **request), call("submit", **request)
        assert (again["run"], again["submitted_before"]) == (first["run"], True)
        run = str(first["run"])
        self.cursor = self.cursor or first["cursor"]
        self.ideas[run] = idea
        return run

    def work(self, call: Agent, running: set[str]) -> None:
        """Wait for runs, and judge, mend or give up each."""
        failures: dict[str, dict[str, Any]] = {}
        while running:
            found = call("wait", cursor=self.cursor, timeout=60)
            self.cursor = found["cursor"]
            assert found["reason"] != "timeout"
            for one in found["changes"]:
                run = one["run"]
                if one["kind"] == "failed":
                    failures[run] = one
                elif one["kind"] == "ended" and one["status"] == "completed":
                    running.discard(run)
                    self.judge(call, run)
                elif one["kind"] == "ended" and one["status"] == "failed":
                    running.discard(run)
                    if (again := self.mend(call, run, failures[run])) is not None:
                        running.add(again)

    def judge(self, call: Agent, run: str) -> None:
        """Keep a run that is better than the best so far, else discard it."""
        (loss,) = call("read_metrics", run=run, names=["val/loss"])["series"]
        assert call("show_run", run=run)["stages"][0]["reason"] == "stopped early: budget"
        is_better = self.best is None or loss["best"] < self.best[0]
        if is_better:
            self.best, self.degree = (loss["best"], run), self.ideas[run].degree
        verdict = "keep" if is_better else "discard"
        call("submit", run=run, note=f"val/loss {loss['best']}", verdict=verdict)

    def mend(self, call: Agent, run: str, failure: dict[str, Any]) -> str | None:
        """Discard a failed run; submit it again with its prepared edit, if it has one."""
        cause = failure.get("cause", {"text": failure["text"]})
        call("submit", run=run, note=cause["text"], verdict="discard")
        if (edit := cause.get("edit")) is None:
            return None
        self.mended.append(run)
        idea = self.ideas[run]
        params = {**idea.params, **edit["params"]}
        return self.submit(call, Idea(f"mended: {edit['params']}", idea.degree, params), run)


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_night_is_told_by_tree_and_digest_alone(cli: CommandLine) -> None:
    cli.write("experiment.yaml", FILE)
    night = Night(cli)
    with ExitStack() as stack:
        call = stack.enter_context(agent(cli, "--write"))
        base = night.submit(call, Idea("baseline", 1))
        night.work(call, {base})
        ideas = IDEAS[: EXPERIMENTS - 1]
        for number, at in enumerate(range(0, len(ideas), 3)):
            assert night.best is not None
            origin = night.best[1]
            running = {night.submit(call, idea, origin) for idea in ideas[at : at + 3]}
            if number == 1:
                call = kill_everything(cli, call, stack, running)
            night.work(call, running)
    check_morning(night, base)


def kill_everything(cli: CommandLine, call: Agent, stack: ExitStack, running: set[str]) -> Agent:
    """Kill every process of the home, the agent's server too, and let the agent resume."""
    wait_for(lambda: all(call("read_metrics", run=run)["series"] for run in running))
    kill_all(Home(cli.home))
    with suppress(BaseException):  # its client has lost its server
        stack.close()
    call = stack.enter_context(agent(cli, "--write"))
    resumed = {run: call("resume", run=run)["count"] for run in running}
    assert any(resumed.values())  # one that had used its budget may have completed
    return call


def check_morning(night: Night, base: str) -> None:
    """Ten questions about the night, answered from `digest` and `tree` alone."""
    cli = night.cli
    tree = {one["run"]: one for one in cli.json("tree")["runs"]}
    digest = cli.json("digest", "--since", "1h")
    assert night.best is not None
    value, best = night.best
    # 1. What was tried, and by whom?
    assert set(tree) == set(night.ideas)
    assert {one["started_by"] for one in tree.values()} == {"mcp"}
    # 2. What was kept, and what discarded?
    verdicts = Counter(one["verdict"] for one in tree.values())
    assert verdicts["keep"] >= 2
    assert verdicts[None] == 0
    # 3. Which is the best, and how good is it?
    (found,) = digest["best"]
    assert (found["run"], found["metric"]) == (best, "val/loss")
    assert found["now"] == pytest.approx(value, rel=1e-3)
    assert 0.008 < found["now"] < 0.02  # the noise has a variance of 0.01
    # 4. What did each experiment come from?
    assert tree[base]["from"] is None
    assert all(one["from"] in tree for run, one in tree.items() if run != base)
    # 5. With which difference in code was the best made?
    steps = []
    at = best
    while tree[at]["from"]:
        steps.append(tree[at]["difference"])
        at = tree[at]["from"]
    assert any(re.search(r"train\.py \+1 -1", one) for one in steps)
    # 6. What failed, and why?
    trouble = {one["run"]: one for one in digest["trouble"]}
    causes = {one["cause"]["id"] for one in trouble.values() if one["cause"]}
    assert "gpu_oom" in causes
    # 7. Was it mended, and how?
    assert night.mended
    for run in night.mended:
        (again,) = [one for one in tree.values() if one["from"] == run]
        assert "batch_size" in again["difference"]
    # 8. What hung?
    silent = [one for one in trouble.values() if "silent" in one["evidence"]]
    assert len(silent) == 1
    assert "hang_at -1 → 20" in tree[silent[0]["run"]]["difference"]
    # 9. Was anything lost when everything was killed?
    states = Counter(one["status"] for one in digest["ended"])
    assert states == {"completed": len(tree) - len(trouble), "failed": len(trouble)}
    assert digest["waiting"] == []
    # 10. How is the best run again?
    words = found["command"].split()
    assert words[:2] == ["trainui", "rerun"]
    assert cli(*words[1:], TRAINUI_AGENT="1").code == 0
    again = cli.json("wait", best)
    assert again["status"] == "completed"
    assert again["stages"][0]["attempts"][-1]["number"] > 1
    assert cli.json("digest", "--since", "1h")["best"][0]["now"] == pytest.approx(value, rel=0.2)
