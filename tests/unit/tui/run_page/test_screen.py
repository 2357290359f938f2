"""A run's page: the details of a folded sweep, and the times of a box that is away."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.store.readings import Feeder
from tests.unit.tui.driving import opened
from tests.unit.tui.filled import Filler
from trainui.clock import SECOND
from trainui.model.definition import Search
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.tui.app import SnapshotReady
from trainui.tui.curve_data import CurvesWanted
from trainui.tui.readers.page_reader import RunPageReader
from trainui.tui.run_page.screen import RunScreen
from trainui.tui.snapshot import RunQuery

MEMBERS = ("train[a=1]", "train[a=2]", "train[a=3]")


def test_the_best_member_stands_for_a_folded_sweep(filler: Filler) -> None:
    run_id = filler.run(dict.fromkeys(MEMBERS, ()), search=Search("gap", "minimize"))
    filler.end(filler.start(run_id, MEMBERS[0]), Status.FAILED, exit_code=1)
    for name, gap in zip(MEMBERS[1:], (0.5, 0.25), strict=True):
        attempt = filler.start(run_id, name)
        Feeder(filler.store, attempt.stage_id).feed({"a": [(0, 1.0)], "gap": [(0, 1.0), (1, gap)]})
        filler.end(attempt)
    for group, selected, plotted in (
        ("train", MEMBERS[0], MEMBERS[2]),
        ("train", MEMBERS[1], MEMBERS[2]),
        (None, MEMBERS[0], MEMBERS[0]),
    ):
        query = RunQuery(run_id, selected, group, curves=CurvesWanted())
        with engine.reading() as connection:
            page = RunPageReader().read(connection, query)
        assert page is not None
        assert page.detail is not None
        assert (page.detail.stage, page.detail.plotted) == (selected, plotted)
        assert page.detail.curves is not None
        names = [one.name for one in page.detail.curves.charts]
        assert names == ([] if plotted == MEMBERS[0] else ["gap", "a"]), "the search's is first"


def test_details_of_a_member_stand_for_its_folded_sweep(filler: Filler) -> None:
    run_id = filler.run(dict.fromkeys(MEMBERS, ()))
    first, newest, _ = (filler.stage(run_id, name) for name in MEMBERS)
    page = SimpleNamespace(detail=SimpleNamespace(stage=first.name))
    shown = cast(Any, RunScreen._shown).fget
    for folded, expected in (((first, newest), (first, page.detail)), ((), None)):
        graph = SimpleNamespace(selected=newest, folded=folded)
        assert shown(SimpleNamespace(graph=graph, _page=page)) == expected


@pytest.mark.parametrize("names", [("train",), tuple(f"train[a={at}]" for at in range(12))])
async def test_times_of_a_box_that_is_away_stand_still(
    filler: Filler, names: Sequence[str]
) -> None:
    run_id = filler.run(dict.fromkeys(names, ()))
    for name in names:
        filler.start(run_id, name, ago=7200.0)
    started_at = filler.stage(run_id, names[0]).started_at or 0
    async with opened(run_id) as driven:
        await driven.until(lambda: driven.text().count("2h 00m") >= 3)
        driven.app.poller.stop()
        await driven.pilot.pause()
        read = driven.app.snapshot
        assert read is not None
        assert read.page is not None
        page = read.page._replace(seen_at=started_at + 300 * SECOND)
        driven.app.on_snapshot_ready(SnapshotReady(read._replace(page=page)))
        await driven.until_gone("2h 00m")
        assert driven.text().count("5m 00s") >= 3, driven.text()
        assert not driven.run.tick()
        await driven.pilot.pause()
        assert driven.text().count("5m 00s") >= 3, driven.text()
