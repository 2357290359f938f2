"""What a table, a row, a title or a legend says of a stage is what the store says."""

from __future__ import annotations

import asyncio
import math
import re

from tests.unit.store.readings import Feeder
from tests.unit.tui.driving import Driven, opened
from tests.unit.tui.filled import Filler
from trainui.domain.records import SeriesSummary
from trainui.store.db import readonly
from trainui.store.points import curves
from trainui.tui.render.numbers import number
from trainui.tui.run.screen import RunScreen

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
            if step + 1 == steps:
                filler.end(attempts[name])


def stored(filler: Filler, run_id: str) -> dict[str, SeriesSummary]:
    """The losses of all members as the store has them."""
    owners = {filler.stage(run_id, name).id: name for name in MEMBERS}
    with readonly.reading() as connection:
        return {one.stage: one for one in curves.summaries(connection, owners, "val/loss")}


def in_table(driven: Driven) -> dict[str, str]:
    """The numbers of the sweep's table, by member."""
    found = re.findall(r"✓ (0\.\d) +\S+ +(\S+)", driven.text())
    return {f"train[lr={lr}]": value for lr, value in found}


async def test_no_number_is_stale_once_the_stages_have_ended(filler: Filler) -> None:
    run_id = filler.run(dict.fromkeys(MEMBERS, ()), name="sweep")
    async with opened(size=(180, 48)) as driven:
        await driven.until_shown("sweep")
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, RunScreen), "the run's page")
        await driven.until_shown("train[lr=0.6]")
        await driven.press("F")
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
        words = f"val/loss  best {number(own.min)} (lowest), last {number(own.last)}"
        await driven.until_shown(words)
        await driven.press("3", "enter")
        await driven.until_shown(
            f"{own.count} points", number(own.last), f"best   {number(own.min)} at step"
        )
        await driven.press(*["escape"] * 3)
        await driven.until_shown("val/loss best", f"{best[first]} {first[6:-1]}")
