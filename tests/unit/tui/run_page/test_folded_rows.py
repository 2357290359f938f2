"""Members that differ in a seed are one line: mean, deviation, and how many have completed."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import pytest

from tests.unit.tui.filled import MEMBERS, SWEEP, Filler
from trainui.control import report
from trainui.model.states import Status
from trainui.pipeline import folding
from trainui.store.db import protocol
from trainui.store.points import read_points
from trainui.store.read import views
from trainui.tui.readers.stage_values import SweepMemberReader
from trainui.tui.run_page.sweep_table import SweepRows, folded_rows
from trainui.tui.styled_text import plain

BEST = dict(zip(MEMBERS, (0.5, 0.7, 0.1, 0.4, 0.9, 0.3), strict=True))
"""Each member's best loss, at its second step; of `lr=3,seed=1` it is a last one's."""


@pytest.fixture
def connection(filler: Filler) -> Iterator[protocol.Connection]:
    with views.reading() as connection:
        yield connection


def half_done(filler: Filler) -> str:
    """A sweep of three rates with two seeds: one rate complete, one half, one not at all."""
    run_id = filler.run(SWEEP, over="seed")
    filler.complete(run_id, "prepare")
    for name in MEMBERS[:5]:
        attempt = filler.start(run_id, name)
        losses = [(1.0, 2.0), (2.0, BEST[name]), (3.0, 1.0)]
        filler.feed(run_id, name, {"val/loss": losses, "epoch": losses})
        if name in MEMBERS[:3]:
            filler.end(attempt)
        if name == MEMBERS[4]:
            filler.end(attempt, Status.FAILED, exit_code=1)
    return run_id


def test_a_folds_mean_is_of_the_best_values_of_its_completed_members(
    filler: Filler, connection: protocol.Connection
) -> None:
    run_id = half_done(filler)
    stages = views.stages(connection, run_id)
    series = read_points.summaries(connection, {one.id: one.name for one in stages})
    found = folding.spreads(folding.folds(stages), series)
    assert [(one.fold.name, one.metric, one.spread.words) for one in found] == [
        ("train[lr=0.03]", "val/loss", "2 of 2"),
        ("train[lr=0.3]", "val/loss", "1 of 2 so far"),
        ("train[lr=3]", "val/loss", "0 of 2 so far"),
    ]
    first, second, third = (one.spread for one in found)
    assert first.mean == pytest.approx(0.6)
    assert first.deviation == pytest.approx(statistics.stdev([0.5, 0.7]))
    assert (second.mean, second.deviation) == (0.1, None)
    assert (third.mean, third.deviation) == (None, None)


def test_the_sweeps_table_has_the_folds_with_the_best_mean_first(
    filler: Filler, connection: protocol.Connection
) -> None:
    run_id = half_done(filler)
    members = [one for one in views.stages(connection, run_id) if one.definition.group == "train"]
    group = SweepMemberReader().read(connection, members)
    rows = [" ".join(plain(row).split()) for row in folded_rows(members, group, 60)]
    assert rows == [
        "",
        "lr val/loss best over seed",
        "0.3 0.1000 1 of 2 so far",
        "0.03 0.6000 ± 0.1414 2 of 2",
        "3 0 of 2 so far",
    ]
    table = [" ".join(plain(row).split()) for row in SweepRows(members, group, width=60)]
    assert rows[3] in table
    assert group is not None
    with_nan = group._replace(broken=frozenset(MEMBERS[2:3]))
    rows = [" ".join(plain(row).split()) for row in folded_rows(members, with_nan, 60)]
    assert rows[2:4] == ["0.03 0.6000 ± 0.1414 2 of 2", "0.3 0.1000 1 of 2 so far !1 NaN"]


def test_folds_that_have_not_begun_are_counted(
    filler: Filler, connection: protocol.Connection
) -> None:
    run_id = filler.run(SWEEP, over="seed")
    filler.complete(run_id, "prepare")
    filler.start(run_id, MEMBERS[0])
    members = [one for one in views.stages(connection, run_id) if one.definition.group == "train"]
    rows = [" ".join(plain(row).split()) for row in folded_rows(members, None, 60)]
    assert rows == ["", "lr over seed", "0.03 0 of 2 so far", "2 not started"]


def test_a_sweep_that_is_not_folded_has_no_such_lines(
    filler: Filler, connection: protocol.Connection
) -> None:
    run_id = filler.run(SWEEP)
    assert folded_rows(views.stages(connection, run_id), None, 60) == []


def test_the_report_has_the_folds(filler: Filler, connection: protocol.Connection) -> None:
    run = views.run(connection, half_done(filler))
    assert run is not None
    shown = report.markdown(connection, run)
    assert "| stage | over | metric | mean of | mean | deviation | members |" in shown
    assert "| train[lr=0.03] | seed | val/loss | best | 0.6 | 0.141421 | 2 of 2 |" in shown
    assert "| train[lr=3] | seed | val/loss | best |  |  | 0 of 2 so far |" in shown
