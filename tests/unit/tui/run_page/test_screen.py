"""The curves of a folded sweep do not depend on the selected member having metrics."""

from __future__ import annotations

from tests.unit.store.readings import Feeder
from tests.unit.tui.filled import Filler
from trainui.model.definition import Search
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.tui.curve_data import CurvesWanted
from trainui.tui.readers.page_reader import RunPageReader
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
