"""Random pipelines whose stages write a ledger of what really ran."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import work

SEARCHES = 0.4
"""The share of the pipelines that have a search, and a stage that uses its best trial."""

SEARCH, AFTER = "hunt", "after"
"""The search, and the stage that depends on it."""

PRUNERS: tuple[dict[str, Any], ...] = (
    {"by": "median", "startup_trials": 2},
    {"by": "percentile", "percentile": 60, "startup_trials": 2, "warmup_steps": 2},
    {"by": "successive_halving", "reduction_factor": 2},
    {"by": "hyperband", "max_resource": 12},
)
"""The rules of the searches that prune."""

LONG = 0.5
"""The share of the pipelines whose first stage runs so long that a new worker finds it alive."""

LONG_PAUSES = (0.25, 0.5)
"""Seconds between the 24 steps of such a stage: some last longer than ten seconds, so that an
attempt that is started again within that time meets the first one."""


@dataclass(frozen=True)
class Pipeline:
    """A pipeline file, and the expected behaviour of its stages."""

    file: Path
    ledger: Path
    plans: dict[str, dict[str, Any]]
    """By stage: the arguments of `work.train`."""
    retries: dict[str, int]
    """By stage."""
    tasks: frozenset[str]
    """The stages that are a function and no command: those have results."""
    trials: int = 0
    """Number of trials of its search; 0: it has none."""
    prunes: bool = False
    """True if its search prunes."""


@dataclass(frozen=True)
class Entry:
    """A line of the ledger."""

    what: str
    """`start`, `point`, `checkpoint` or `end`."""
    stage: str
    attempt: int
    pid: int
    time: float
    """Seconds since 1970."""
    more: dict[str, Any]

    @property
    def key(self) -> tuple[str, int]:
        """Which attempt wrote it."""
        return self.stage, self.attempt


def write_pipeline(
    random_: random.Random,
    directory: Path,
    *,
    name: str = "chaos",
    most: int = 8,
    trials: int | None = None,
) -> Pipeline:
    """Write a pipeline file of a random DAG.

    Args:
        random_: what decides.
        directory: where it and its ledger lie.
        name: its own.
        most: how many stages there are at most, besides those of a search.
        trials: of a search that prunes; None: random, and often none.
    """
    ledger = directory / f"{name}.ledger"
    ledger.touch()
    shutil.copy(work.__file__, directory / "work.py")
    plans, retries, stages, tasks = {}, {}, [], set()
    for number in range(random_.randint(min(3, most), most)):
        stage = f"s{number}"
        earlier = [f"s{other}" for other in range(number)]
        upstreams = random_.sample(earlier, min(len(earlier), random_.choice([0, 1, 1, 2])))
        plan = _plan(random_)
        if number == 0 and random_.random() < LONG:
            plan |= {"steps": 24, "pause": random_.choice(LONG_PAUSES)}
        retries[stage] = _retries(random_, plan)
        written: dict[str, Any] = {"name": stage, "depends_on": upstreams, "grace": "2s"}
        written["retries"] = retries[stage]
        arguments = {"ledger": str(ledger), **plan}
        if random_.random() < 0.35:
            tasks.add(stage)
            written |= {"task": "work:train", "params": arguments}
        else:
            # -S: it needs nothing that is installed, and starts at once
            written["run"] = ["python3", "-S", "work.py", json.dumps(arguments)]
        if plan.get("every"):
            written["checkpoint"] = "step-*.json"
        if "forgets" in plan:
            written["outputs"] = ["output.json"]
        plans[stage] = plan
        stages.append(written)
    prunes = trials is not None or random_.random() < 0.5
    if trials is None:
        trials = random_.randint(3, 7) if name == "chaos" and random_.random() < SEARCHES else 0
    if trials:
        stages += _search(random_, ledger, trials, plans, prunes=prunes)
    for stage in plans.keys() - retries.keys():
        retries[stage] = 1
    file = directory / f"{name}.yaml"
    # JSON is YAML
    file.write_text(json.dumps({"name": name, "stages": stages}, indent=1))
    return Pipeline(file, ledger, plans, retries, frozenset(tasks), trials, prunes)


def _search(
    random_: random.Random,
    ledger: Path,
    trials: int,
    plans: dict[str, dict[str, Any]],
    *,
    prunes: bool,
) -> list[dict[str, Any]]:
    """Return a search and the stage that uses its best trial; add their plans."""
    plan: dict[str, Any] = {"steps": random_.randint(2, 12), "pause": 0.1, "seed": 1}
    if prunes:
        plan["steps"] += 6
    if random_.random() < 0.5:
        plan["every"] = 3
    if random_.random() < 0.5:
        plan["prints"] = True
    plans |= {f"{SEARCH}[trial={number}]": plan for number in range(trials)}
    plans[AFTER] = {"steps": 2, "pause": 0.01, "seed": 2}
    search: dict[str, Any] = {
        "space": {"x": {"low": 0.0, "high": 1.0}, "n": {"low": 1, "high": 9}},
        "metric": "loss",
        "goal": "minimize",
        "trials": trials,
        "sampler": random_.choice(["random", {"by": "tpe", "startup_trials": 2}]),
        "seed": random_.randrange(1000),
    }
    if prunes:
        search["prune"] = random_.choice(PRUNERS)
    common = {"grace": "2s", "retries": 1}
    commands = {
        name: ["python3", "-S", "work.py", json.dumps({"ledger": str(ledger), **plans[key]})]
        for name, key in ((SEARCH, f"{SEARCH}[trial=0]"), (AFTER, AFTER))
    }
    hunt = {"name": SEARCH, "search": search, **common}
    hunt["run"] = [*commands[SEARCH], "${search.x}", "${search.n}"]
    if "every" in plan:
        hunt["checkpoint"] = "step-*.json"
    after = {"name": AFTER, "depends_on": [SEARCH], **common}
    after["run"] = [*commands[AFTER], f"${{stages.{SEARCH}.best.trial}}"]
    return [hunt, after]


_OPTIONS: tuple[tuple[float, Callable[[random.Random], dict[str, Any]]], ...] = (
    (0.3, lambda chance: {"fails": chance.randint(1, 2), "code": chance.choice([1, 3, 77])}),
    (0.4, lambda chance: {"every": chance.randint(2, 5)}),
    (0.3, lambda chance: {"forgets": chance.choice([0, 0, 1])}),
    (0.2, lambda _chance: {"clears": True}),
    (0.3, lambda _chance: {"rewrites": True}),
    (0.15, lambda chance: {"helper": chance.choice(["stays", "session"])}),
)
"""Optional behaviours of a stage, each with its probability."""


def _plan(random_: random.Random) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "steps": random_.randint(2, 24),
        "pause": random_.choice([0.01, 0.05, 0.15]),
        "seed": random_.randrange(1000),
    }
    for likely, option in _OPTIONS:
        if random_.random() < likely:
            plan |= option(random_)
    return plan


def _retries(random_: random.Random, plan: dict[str, Any]) -> int:
    """Return mostly as many as a stage needs, so that few runs need a resume for that."""
    needed = int(plan.get("fails", 0)) + int(plan.get("forgets", 0))
    return needed if needed and random_.random() < 0.8 else random_.choice([0, 0, 1])


def read_ledger(ledger: Path) -> list[Entry]:
    """Return the ledger's entries, in order."""
    entries = []
    for line in ledger.read_text().splitlines():
        fields = json.loads(line)
        known = {name: fields.pop(name) for name in ("what", "stage", "attempt", "pid", "time")}
        entries.append(Entry(**known, more=fields))
    return entries
