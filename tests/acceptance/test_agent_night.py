"""A night of an agent's experiments on a real training, and ten questions about it in the morning.

The agent is a script. It submits, waits and reads over MCP, and types what the tools do not do:
where an experiment comes from (`run --from`) and what it is worth (`note`). Six experiments, or
twenty with TRAINUI_TEST_LONG=1, each with the same budget; the code is edited between them; one
runs out of memory and is mended by its prepared edit, one hangs, and everything is killed once.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine
from tests.acceptance.mcp_client import Agent, agent
from tests.acceptance.small_training import TRAIN
from tests.integration.conftest import kill_all
from trainui.paths import Home

EXPERIMENTS = 20 if os.environ.get("TRAINUI_TEST_LONG") else 6

FILE = """
    name: experiment
    snapshot: true
    params: {lr: 0.2, batch_size: 32, hang_at: -1}
    stages:
      - name: train
        run: >
          python train.py --lr ${params.lr} --batch-size ${params.batch_size}
          --hang-at ${params.hang_at} --steps 100000000 --out ${stage_dir}
        budget: 5s
        silence_timeout: 2.5s
        grace: 1s
        checkpoint: "ckpt-*.json"
        resume_args: [--resume, "${checkpoint}"]
        outputs: [best.json]
    """

IDEAS = (
    ("a cubic", "DEGREE = 1", "DEGREE = 3", ()),
    ("a larger batch", "DEGREE = 3", "DEGREE = 3", ("batch_size=4096",)),
    ("wait for a barrier", "DEGREE = 3", "DEGREE = 3", ("hang_at=20",)),
    ("a quintic", "DEGREE = 3", "DEGREE = 5", ()),
    *(
        (f"degree {degree}, lr {lr}", "DEGREE = 3", f"DEGREE = {degree}", (f"lr={lr}",))
        for degree, lr in itertools.product((2, 3, 4, 6), (0.05, 0.3, 0.5))
    ),
)
"""Experiments: what is tried, a line of the code and what replaces it, and parameters."""


class Night:
    """What the agent does, and what it knows."""

    def __init__(self, cli: CommandLine) -> None:
        self.cli = cli
        self.code = TRAIN.replace("PAUSE = 0.0", "PAUSE = 0.01")
        self.best: tuple[float, str] | None = None
        self.tried: list[str] = []
        self.cursor = ""
        self.reasons: Counter[str] = Counter()

    def submit(self, call: Agent, name: str, origin: str | None, *params: str) -> str:
        """Submit the code as it is now."""
        self.cli.write("train.py", self.code)
        if origin is None:
            first = call("submit", file="experiment.yaml", request_id=name)
            again = call("submit", file="experiment.yaml", request_id=name)
            assert (again["run"], again["submitted_before"]) == (first["run"], True)
            run, self.cursor = str(first["run"]), first["cursor"]
        else:
            given = [word for one in params for word in ("-p", one)]
            options = ("--from", origin, "--note", name, "--detach")
            done = self.cli.json("run", "experiment.yaml", *given, *options, TRAINUI_AGENT="1")
            run = str(done["run"])
        self.tried.append(run)
        return run

    def wait(self, call: Agent, runs: set[str]) -> dict[str, dict[str, Any]]:
        """Wait for runs; return for each the change that ended it, a failure before an end."""
        ended: dict[str, dict[str, Any]] = {}
        while runs - {run for run, one in ended.items() if one["over"]}:
            found = call("wait", cursor=self.cursor, timeout=60)
            self.cursor = found["cursor"]
            self.reasons[found["reason"]] += 1
            assert found["reason"] != "timeout"
            for one in found["changes"]:
                if one.get("status") == "interrupted":
                    continue  # it was resumed
                known = ended.setdefault(one["run"], {"over": False})
                if one["kind"] in ("failed", "ended") and "kind" not in known:
                    known.update(one)
                known["over"] |= one["kind"] == "ended"
        return ended

    def judge(self, call: Agent, run: str) -> None:
        """Keep a run that is better than the best so far, else discard it."""
        (loss,) = call("read_metrics", run=run, names=["val/loss"])["series"]
        assert call("show_run", run=run)["stages"][0]["reason"] == "stopped early: budget"
        if self.best is None or loss["best"] < self.best[0]:
            self.best = loss["best"], run
            self.note(run, f"val/loss {loss['best']}", "keep")
        else:
            self.note(run, f"no better: {loss['best']}", "discard")

    def note(self, run: str, text: str, verdict: str) -> None:
        noted = self.cli("note", run, text, "--verdict", verdict, TRAINUI_AGENT="1")
        assert noted.code == 0

    def mend(self, call: Agent, run: str, cause: dict[str, Any]) -> str:
        """Submit a run that was out of memory again with its prepared edit."""
        self.note(run, cause["text"], "discard")
        params = [f"{name}={value}" for name, value in cause["edit"]["params"].items()]
        return self.submit(call, f"mended: {', '.join(params)}", run, *params)


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_night_is_told_by_tree_and_digest_alone(cli: CommandLine) -> None:
    cli.write("experiment.yaml", FILE)
    night = Night(cli)
    with agent(cli, "--write") as call:
        base = night.submit(call, "baseline", None)
        assert night.wait(call, {base})[base]["status"] == "completed"
        night.judge(call, base)
    assert night.best is not None
    mended: list[str] = []
    for number, ideas in enumerate(batched(IDEAS[: EXPERIMENTS - 1], 3)):
        with ExitStack() as stack:
            call = stack.enter_context(agent(cli, "--write"))
            code, running, origin = night.code, set(), night.best[1]
            for name, old, new, params in ideas:
                night.code = code.replace(old, new)
                running.add(night.submit(call, name, origin, *params))
            night.code = code
            if number == 1:
                stopped = kill_everything(cli, call, stack, running)
                call = stack.enter_context(agent(cli, "--write"))
                assert cli("resume", "--interrupted", "--detach", TRAINUI_AGENT="1").code == 0
                assert stopped <= running
            while running:
                for run, one in night.wait(call, running).items():
                    running.discard(run)
                    if one.get("cause", {}).get("id") == "gpu_oom":
                        running.add(night.mend(call, run, one["cause"]))
                        mended.append(run)
                    elif one["status"] == "failed":
                        night.note(run, one["text"], "discard")
                    elif one["status"] == "completed":
                        night.judge(call, run)
                        if night.best[1] == run:
                            idea = next(x for x in ideas if x[0] in shown_note(cli, run))
                            night.code = code.replace(idea[1], idea[2])
    check_morning(night, base, mended)


def kill_everything(cli: CommandLine, call: Agent, stack: ExitStack, running: set[str]) -> set[str]:
    """Kill every process of the home, the agent's server too, once two stages have begun."""
    while not all(
        one["status"] == "running" for run in running for one in [call("show_run", run=run)]
    ):
        call("wait", timeout=0.2)
    kill_all(Home(cli.home))
    with suppress(BaseException):  # its client has lost its server
        stack.close()
    assert cli("worker", "start").code == 0
    return running


def shown_note(cli: CommandLine, run: str) -> str:
    return " ".join(one["text"] or "" for one in cli.json("show", run)["notes"])


def batched(ideas: Any, size: int) -> Iterator[Any]:
    ideas = list(ideas)
    return (ideas[at : at + size] for at in range(0, len(ideas), size))


def check_morning(night: Night, base: str, mended: list[str]) -> None:
    """Ten questions about the night, answered from `digest` and `tree` alone."""
    cli = night.cli
    tree = {one["run"]: one for one in cli.json("tree")["runs"]}
    digest = cli.json("digest", "--since", "1h")
    assert night.best is not None
    value, best = night.best
    # 1. What was tried, and by whom?
    assert set(tree) == set(night.tried)
    assert {one["started_by"] for one in tree.values()} == {"mcp", "agent"}
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
    assert mended
    for run in mended:
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
