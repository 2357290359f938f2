"""The details of a folded sweep: those of the member that stands for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tests.unit.store.readings import Feeder
from tests.unit.tui.filled import Filler
from trainui.model.definition import Search
from trainui.model.states import Status
from trainui.store.db import engine
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
