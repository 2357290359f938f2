"""Each number on the pages of random pipelines is the store's, and the one that the rules mean.

The rules are written down here again, over plain lists of points: the metric is the validation
metric that has a curve; a member's value is its best finite one; a run's is that of its best
healthy stage; what was pruned or has a NaN leads nothing, and comes last.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tests.unit.tui.driving import opened
from tests.unit.tui.filled import Filler
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.read import run_list
from trainui.store.runs import stage_requests
from trainui.store.runs.stage_requests import AlertRecord
from trainui.tui.curve_data import Comparison, CurvesWanted, PlotOptions
from trainui.tui.curves.grid_view import PlotCell, PlotGrid, grid_rows
from trainui.tui.curves.plot import shared_styles, styles_of
from trainui.tui.curves.table import table_rows
from trainui.tui.numbers import number, step
from trainui.tui.readers.page_reader import RunPageReader
from trainui.tui.readers.stage_values import MetricReader
from trainui.tui.run_page.sweep_table import SweepRows
from trainui.tui.snapshot import CurvesPage, MetricQuery, RunPage, RunQuery
from trainui.tui.styled_text import plain

Points = list[tuple[float, float]]

SCHEMES: Sequence[tuple[str, bool, tuple[str, ...]]] = (
    ("val/loss", True, ("train/loss", "val/acc", "lr")),
    ("Val Loss", True, ("Train Loss",)),
    ("eval_loss", True, ("loss", "grad_norm")),
    ("dev/loss", True, ("loss", "epoch")),
    ("valid_acc", False, ("train_loss", "train_acc")),
    ("test loss", True, ("train loss",)),
    ("Loss/val", True, ("Loss/train", "LR")),
    ("val loss", True, ("train loss", "val time")),
    ("loss", True, ("lr", "throughput")),
)
"""The metric that is meant, if lower is better, and others that a training prints."""


@dataclass
class Member:
    """A member of a sweep as it was made."""

    name: str
    points: Points
    status: Status
    nan_since: int | None = None
    exploded: bool = False
    """True if its loss has become huge, of which no alert is on record yet."""

    @property
    def finite(self) -> Points:
        return [point for point in self.points if math.isfinite(point[1])]

    def best(self, *, lower: bool) -> tuple[float, float] | None:
        """The step and the value of the best point, the first of equal ones."""
        if not self.finite:
            return None
        return min(self.finite, key=lambda point: (point[1] if lower else -point[1], point[0]))

    @property
    def leads(self) -> bool:
        is_healthy = self.nan_since is None and not self.exploded
        return is_healthy and self.status != Status.PRUNED and bool(self.finite)


@dataclass
class Pipeline:
    """A run as it was made."""

    run_id: str
    name: str
    metric: str
    lower: bool
    members: list[Member] = field(default_factory=list)

    @property
    def order(self) -> list[Member]:
        """The members with a value, as a table is to show them."""
        known = [one for one in self.members if one.finite]
        return sorted(known, key=lambda one: (not one.leads, self._signed(one)))

    def _signed(self, one: Member) -> float:
        best = one.best(lower=self.lower)
        assert best is not None
        return best[1] if self.lower else -best[1]

    @property
    def value(self) -> float | None:
        """The value of the run: that of its best healthy member."""
        leaders = [one for one in self.order if one.leads]
        found = leaders[0].best(lower=self.lower) if leaders else None
        return None if found is None else found[1]


def made(filler: Filler, numbers: random.Random, at: int) -> Pipeline:
    """Store a random pipeline: a sweep with pruned and diverged members, and an evaluation."""
    metric, lower, others = numbers.choice(SCHEMES)
    count = numbers.choice((1, 2, 3, 6, 9))
    names = [f"train[lr=0.{lr}]" for lr in range(1, count + 1)]
    run_id = filler.run({**dict.fromkeys(names, ()), "evaluate": names}, name=f"pipe{at}")
    found = Pipeline(run_id, f"pipe{at}", metric, lower)
    for name in names:
        length, worth = numbers.randint(2, 40), numbers.uniform(0.1, 2)
        sign = 1 if lower else -1
        points: Points = [
            (float(s), worth + sign * math.exp(-s / 9) + numbers.gauss(0, 0.05))
            for s in range(1, length + 1)
        ]
        status = numbers.choice((Status.COMPLETED,) * 4 + (Status.RUNNING, Status.PRUNED))
        nan_since = numbers.randint(2, length) if numbers.random() < 0.2 else None
        if nan_since is not None:
            points = [(s, math.nan if s >= nan_since else value) for s, value in points]
        exploded = lower and nan_since is None and numbers.random() < 0.2
        if exploded:  # after the best value of all
            points = [(s, -4.0 if at == 0 else 1e12) for at, (s, _) in enumerate(points)]
        member = Member(name, points, status, nan_since, exploded)
        found.members.append(member)
        attempt = filler.start(run_id, name, ago=60)
        misleading = {  # better numbers of metrics that are not meant
            other: [(s, -5.0 if lower else 99.0) for s, _ in points] for other in others
        }
        single = {"holdout/loss": [(points[-1][0], -7.0)]}  # as an evaluation at the end logs it
        single = {} if status == Status.RUNNING else single
        filler.feed(run_id, name, {**single, **misleading, metric: points})
        if nan_since is not None:
            mark = AlertRecord.of_nan(f"{metric} is NaN", metric, nan_since)
            with filler.store.write() as connection:
                stage_requests.record_alerts(connection, attempt.stage_id, 1, [mark])
        if status != Status.RUNNING:
            filler.end(attempt, status)
    if all(one.status == Status.COMPLETED for one in found.members):  # also where all diverged
        attempt = filler.start(run_id, "evaluate")
        filler.feed(run_id, "evaluate", {metric: [(0.0, -9.0 if lower else 999.0)]})
        filler.end(attempt)
    return found


@pytest.fixture
def pipelines(filler: Filler, request: pytest.FixtureRequest) -> list[Pipeline]:
    numbers = random.Random(request.param)
    return [made(filler, numbers, at) for at in range(6)]


def read(one: Pipeline, metric: str) -> tuple[RunPage, CurvesPage]:
    """Read the page of the folded sweep, and that of its metric with all members."""
    with engine.reading() as connection:
        reader, first = RunPageReader(), one.members[0].name
        wanted = CurvesWanted(160, names=(metric,), compared=Comparison(sweep=True))
        page = None
        while page is None or page.more:
            page = reader.read(connection, RunQuery(one.run_id, first, "train", curves=wanted))
            assert page is not None
        query = MetricQuery(one.run_id, first, wanted)
        found = reader.read_metric_page(connection, query)
        assert found is not None
        return page, found


def compared_at(members: Sequence[Member]) -> float:
    """Where lines are compared: as far as two thirds of those reach that were not pruned.

    And as far as those that still run and have done half of that.
    """
    known = [one for one in members if one.status != Status.PRUNED] or list(members)
    ends = sorted((one.points[-1][0] for one in known), reverse=True)
    most = ends[math.ceil(2 * len(ends) / 3) - 1]
    running = [one.points[-1][0] for one in known if one.status == Status.RUNNING]
    return min([most, *(end for end in running if end >= most / 2)])


def value_at(one: Member, x: float) -> float | None:
    if x > one.points[-1][0]:
        return None
    return [value for s, value in one.points if s <= x][-1]


def label_of(one: Member) -> str:
    return one.name[len("train[") : -1]


SEEDS = (1, 2, 3)


@pytest.mark.parametrize("pipelines", SEEDS, indirect=True)
def test_the_pages_of_a_run_show_the_values_that_are_meant(pipelines: list[Pipeline]) -> None:
    for one in pipelines:
        page, found = read(one, one.metric)
        check_sweep_table(one, page)
        check_metric_page(one, found)
        check_grid(one, found)
        check_candidates(one)
        check_overview(one)


def check_candidates(one: Pipeline) -> None:
    """What can be compared, with its best and last values."""
    with engine.reading() as connection:
        wanted = CurvesWanted(names=(one.metric,), candidates=True)
        query = MetricQuery(one.run_id, one.members[0].name, wanted)
        found = RunPageReader().read_metric_page(connection, query)
    assert found is not None
    listed = {
        shown.series.label: shown for shown in found.curves.candidates if not shown.series.run
    }
    for own in one.members if len(one.members) > 1 else ():
        best, shown = own.best(lower=one.lower), listed[label_of(own)]
        assert shown.best == (None if best is None else best[1])
        assert shown.summary is not None
        assert number(shown.summary.last) == number(own.points[-1][1])
        assert own.exploded or shown.is_out == (
            (not own.leads and bool(own.finite)) or own.nan_since is not None
        )


def metric_line(one: Pipeline, stage: str) -> str:
    with engine.reading() as connection:
        page = RunPageReader().read(connection, RunQuery(one.run_id, stage))
    assert page is not None
    assert page.detail is not None
    assert page.detail.activity is not None
    return page.detail.activity.metric


def check_overview(one: Pipeline) -> None:
    """The metric of a member's overview, with its best and last values, and the evaluation's."""
    own, shown = one.members[0], metric_line(one, one.members[0].name)
    best = own.best(lower=one.lower)
    if all(other.status == Status.COMPLETED for other in one.members):
        single = number(-9.0 if one.lower else 999.0)
        assert metric_line(one, "evaluate") == f"{one.metric}  {single}"
    assert best is None or shown.startswith(f"{one.metric}  best {number(best[1])}"), shown
    assert f"last {number(own.points[-1][1])}" in shown


def check_sweep_table(one: Pipeline, page: RunPage) -> None:
    members = [stage for stage in page.stages if stage.definition.group == "train"]
    group = page.group
    assert group is not None
    assert group.metric == one.metric, "the validation metric with a curve"
    rows = [plain(row) for row in SweepRows(members, group, width=120)]
    if len(one.members) > 1:
        table = [re.split(r" {2,}", row[2:].strip()) for row in rows[-len(members) :]]
        best = {label_of(own)[3:]: own.best(lower=one.lower) for own in one.members}
        for cells in table:
            expected = best[cells[0]]
            own = next(own for own in one.members if label_of(own)[3:] == cells[0])
            mark = "!" * (own.nan_since is not None or own.exploded)
            assert expected is None or f"{mark}{number(expected[1])}" in cells, (cells, expected)
        assert [cells[0] for cells in table][: len(one.order)] == [
            label_of(own)[3:] for own in one.order
        ]
    if one.value is not None:
        assert any(f"best      {one.metric} {number(one.value)}" in row for row in rows)


def check_metric_page(one: Pipeline, found: CurvesPage) -> None:
    chart = found.curves.chart(one.metric)
    assert chart is not None
    figures = next(own for own in found.curves.figures if own.name == one.metric)
    rows = [plain(row) for row in table_rows(chart, figures, PlotOptions(), 160, 60)]
    if len(one.members) == 1:
        (own,) = one.members
        best = own.best(lower=one.lower)
        assert best is not None
        assert f"best   {number(best[1])} at step {step(best[0])} " in rows[1]
        assert f"value {number(own.points[-1][1])}" in rows[0]
        return
    x = compared_at(one.members)
    lines = {row.split()[2 if "▸" not in row else 3]: row for row in rows if row.startswith("━")}
    assert lines.keys() == {label_of(own) for own in one.members}, "a row each"
    values: dict[str, float] = {}
    for own in one.members:
        row, best, here = lines[label_of(own)], own.best(lower=one.lower), value_at(own, x)
        shown = row.split(label_of(own))[1].split()
        assert shown[0] == number(here), (own, x, row)
        if best is not None:
            assert f"{number(best[1])} at {step(best[0])}" in row
        assert f" {number(own.points[-1][1])}" in row
        assert ("NaN since" in row) == (own.nan_since is not None)
        if here is not None and math.isfinite(here) and own.nan_since is None:
            values[label_of(own)] = here
    ranked = sorted(values, key=lambda label: values[label] if one.lower else -values[label])
    places = [label for label in lines if label in values]
    assert places == ranked, "by rank where they are compared"
    assert list(lines)[: len(ranked)] == ranked, "those without a value, or with a NaN, come last"


def check_grid(one: Pipeline, found: CurvesPage) -> None:
    chart = found.curves.chart(one.metric)
    assert chart is not None
    figures = next(own for own in found.curves.figures if own.name == one.metric)
    if len(one.members) == 1 or one.value is None or any(own.exploded for own in one.members):
        return  # the curves mark what has exploded once its alert is on record
    styles = styles_of(chart, shared_styles([chart], ""))
    cell = PlotCell(figures, chart, styles=styles)
    title = plain(grid_rows([cell], PlotGrid(90, 14, 1))[0])
    assert title.endswith(f"best {label_of(one.order[0])} {number(one.value)}")


@pytest.mark.parametrize("pipelines", SEEDS, indirect=True)
def test_a_runs_value_is_that_of_its_best_healthy_stage(pipelines: list[Pipeline]) -> None:
    with engine.reading() as connection:
        lines = run_list.run_lines(connection)
        names, reader = {one.metric for one in pipelines}, MetricReader()
        found = reader.read(connection, names, lines)
        while reader.unfinished:
            found = reader.read(connection, names, lines)
    for one in pipelines:
        value = found[one.metric].values.get(one.run_id)
        if one.value is not None:
            assert value == one.value, one
        assert value not in (-9.0, 999.0), "a single number beside curves"


@pytest.mark.parametrize("pipelines", SEEDS[2:], indirect=True)
async def test_the_list_shows_each_runs_value_in_the_column_of_its_metric(
    pipelines: list[Pipeline],
) -> None:
    async with opened(size=(120, 40)) as driven:
        await driven.until_shown("pipe0", "pipe5")
        expected = [number(one.value) for one in pipelines if one.value is not None]
        await driven.until_shown(*expected)
        text = driven.text()
        for one in pipelines:
            row = next(row for row in text.splitlines() if f" {one.name} " in row)
            if one.value is not None:
                assert number(one.value) in row, one
            hidden = [number(value) for value in (99.0, -5.0, -7.0, -9.0, 999.0)]
            assert not set(row.split()) & set(hidden), "another metric, or a single number"
