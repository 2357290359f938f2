"""What a table, a row, a title, the graph, the log or an export says of a stage is what is stored.

It is compared right after the stages' ends, under load: keys are pressed and the interpreter is
kept busy while the points are stored.
"""

from __future__ import annotations

import asyncio
import csv
import math
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.unit.store.readings import Feeder
from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import Filler
from trainui import paths
from trainui.cli.main import main
from trainui.formatting import size
from trainui.model.records import SeriesSummary
from trainui.store.db import engine
from trainui.store.points import read_points
from trainui.tui.numbers import elapsed, number
from trainui.tui.run_page.screen import RunScreen

MEMBERS = {f"train[lr=0.{place}]": 40 + 7 * place for place in range(1, 7)}
"""The members of a sweep, each with its number of steps."""


def loss(place: int, step: int) -> float:
    """A loss that falls until the step before the last."""
    return (
        1 + 1 / place - step / 100 + (0.3 if step + 1 == list(MEMBERS.values())[place - 1] else 0)
    )


def train(filler: Filler, run_id: str) -> None:
    """Store the points of all members step by step, and end each after its last one."""
    attempts = {name: filler.start(run_id, name) for name in MEMBERS}
    feeders = {name: Feeder(filler.store, attempts[name].stage_id) for name in MEMBERS}
    for step in range(max(MEMBERS.values())):
        for place, (name, steps) in enumerate(MEMBERS.items(), 1):
            if step < steps:
                points = {"val/loss": [(step, loss(place, step))], "lr": [(step, place / 10)]}
                feeders[name].feed(points)
                filler.log(attempts[name], f"{name} step {step}\n")
            if step + 1 == steps:
                filler.end(attempts[name])


@asynccontextmanager
async def load(driven: Driven) -> AsyncIterator[None]:
    """Press keys all the time, and keep the interpreter busy."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1000))

    async def press() -> None:
        while not stop.is_set():
            await driven.press("j", "k", "3", "1")

    spinning = threading.Thread(target=spin, name="load")
    spinning.start()
    pressing = asyncio.create_task(press())
    try:
        yield
    finally:
        stop.set()
        await pressing
        spinning.join()


def stored(filler: Filler, run_id: str) -> dict[str, SeriesSummary]:
    """The losses of all members as the store has them."""
    owners = {filler.stage(run_id, name).id: name for name in MEMBERS}
    with engine.reading() as connection:
        return {one.stage: one for one in read_points.summaries(connection, owners, "val/loss")}


def in_table(driven: Driven) -> dict[str, str]:
    """The numbers of the sweep's table, by member."""
    found = re.findall(r"✓ (0\.\d) +\S+ +(\S+)", driven.text())
    return {f"train[lr={lr}]": value for lr, value in found}


def in_graph(driven: Driven) -> dict[str, str]:
    """The time that each completed member took, as the graph says."""
    return dict(re.findall(r"(train\[lr=0\.\d\]) +completed +(\S+)", driven.text()))


def took(filler: Filler, run_id: str) -> dict[str, str]:
    """The same as the store has it."""
    stages = [filler.stage(run_id, name) for name in MEMBERS]
    return {one.name: elapsed(one.worked_until(0)) for one in stages}


def exported(run_id: str, file: Path) -> dict[str, list[float]]:
    """The losses of all members as `trainui export` writes them."""
    assert main(["export", run_id, "--output", str(file)]) == 0
    found: dict[str, list[float]] = {}
    for row in csv.DictReader(file.read_text().splitlines()):
        if row["name"] == "val/loss":
            found.setdefault(row["stage"], []).append(float(row["value"]))
    return found


async def test_no_number_is_stale_once_the_stages_have_ended(
    filler: Filler, tmp_path: Path
) -> None:
    run_id = filler.run(dict.fromkeys(MEMBERS, ()), name="sweep")
    async with opened(size=(180, 48)) as driven:
        await driven.until_shown("sweep")
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, RunScreen), "the run's page")
        await driven.until_shown("train[lr=0.6]")
        await driven.press("F")
        async with load(driven):
            await asyncio.to_thread(train, filler, run_id)
        series = stored(filler, run_id)
        best = {name: number(one.min) for name, one in series.items()}
        await driven.until(lambda: in_table(driven) == best, f"the table of {best}")
        first = min(series, key=lambda name: series[name].min or math.inf)
        await driven.until_shown(f"best      val/loss {best[first]}")
        await driven.press("F", "g")
        selected = driven.run.graph.selected
        assert selected is not None
        own = series[selected.name]
        await driven.until(lambda: in_graph(driven) == took(filler, run_id), "the graph")
        log = paths.attempt_directory(Path(selected.directory), 1) / "stdout.log"
        await driven.until_shown(
            f"4 Log: {own.stage}",
            f"{own.stage} step {own.count - 1}",
            f"stdout {size(log.stat().st_size)}",
        )
        await driven.press("Y")
        await driven.until(lambda: bool(driven.app.clipboard), "the report")
        rows = re.findall(r"\| (\S+) \| val/loss \| (\S+) \| (\S+) \|", driven.app.clipboard)
        assert rows == [(n, f"{one.last:.6g}", f"{one.min:.6g}") for n, one in series.items()]
        words = f"val/loss  best {number(own.min)}"
        await driven.until_shown(words, f"last {number(own.last)}")
        await driven.press("3", "enter")
        await driven.until_shown(
            f"{own.count} points", number(own.last), f"best   {number(own.min)} at step"
        )
        await driven.press(*["escape"] * 3)
        await driven.until_shown("val/loss best", f"{best[first]} {first[6:-1]}")
    points = exported(run_id, tmp_path / "points.csv")
    assert {name: (len(of), of[-1], min(of)) for name, of in points.items()} == {
        name: (one.count, one.last, one.min) for name, one in series.items()
    }
