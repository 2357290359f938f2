"""Queries as a box understands them, and its snapshots as they are shown here.

A run of a box has the id `BOX:RUN` here. Its clock may be `ahead` of this one, in microseconds;
moments in fields of records are moved where they are decoded (`wire.MOMENTS`), positions on the
axis of the wall clock here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from trainui.clock import SECOND
from trainui.store.points.plot_series import Axis
from trainui.store.read.run_list import RunLine
from trainui.tui.snapshot.curves import (
    Candidate,
    Chart,
    Curves,
    CurvesWanted,
    PlotLine,
    PlotOptions,
)
from trainui.tui.snapshot.snapshot import (
    HistoryQuery,
    ListQuery,
    MachineQuery,
    MetricQuery,
    Query,
    RunQuery,
    Snapshot,
)

OfRun = RunQuery | MetricQuery | HistoryQuery
"""The queries of a run's pages."""

Value = TypeVar("Value")

Ids = Callable[[str], str]


def there(query: Query, box: str, ahead: int) -> Query:
    """Return a query with the ids and the clock of a box; what is of others is left out."""
    if isinstance(query, MachineQuery):
        return ListQuery()
    if isinstance(query, ListQuery):
        return replace(query, rows=_of_box(query.rows, box), listed=_of_box(query.listed, box))
    query = replace(query, run_id=query.run_id.partition(":")[2])
    if isinstance(query, HistoryQuery) or query.curves is None:
        return query
    runs = _of_box(query.curves.compared.runs, box)
    return replace(query, curves=_wanted(query.curves, runs, ahead))


def _of_box(run_ids: Sequence[str], box: str) -> tuple[str, ...]:
    return tuple(one.partition(":")[2] for one in run_ids if one.startswith(f"{box}:"))


def _wanted(wanted: CurvesWanted, runs: Sequence[str], ahead: int) -> CurvesWanted:
    """Return what is wanted with other ids of compared runs, and with moved moments."""
    compared = replace(wanted.compared, runs=tuple(runs))
    return replace(wanted, compared=compared, view=_options(wanted.view, ahead))


def _options(view: PlotOptions, ahead: int) -> PlotOptions:
    convert = None if view.convert is None else _options(view.convert, ahead)
    if view.axis != Axis.WALL:
        return replace(view, convert=convert)
    by = ahead / SECOND
    window = None if view.window is None else (view.window[0] + by, view.window[1] + by)
    cursor = None if view.cursor is None else view.cursor + by
    return replace(view, convert=convert, window=window, cursor=cursor)


def here(snapshot: Snapshot, box: str, ahead: int) -> Snapshot:
    """Return a box's snapshot with the ids and the clock of here."""

    def named(run_id: str) -> str:
        return f"{box}:{run_id}"

    def keyed(by_run: Mapping[str, Value]) -> dict[str, Value]:
        return {named(run_id): value for run_id, value in by_run.items()}

    def line(run: RunLine) -> RunLine:
        return run._replace(id=named(run.id), box=box)

    query, page, curves = snapshot.query, snapshot.page, snapshot.curves_page
    if isinstance(query, OfRun):
        query = replace(query, run_id=named(query.run_id))
    if isinstance(query, RunQuery | MetricQuery) and query.curves is not None:
        runs = [named(one) for one in query.curves.compared.runs]
        query = replace(query, curves=_wanted(query.curves, runs, -ahead))
    if page is not None:
        detail = page.detail
        if detail is not None and detail.curves is not None:
            detail = detail._replace(curves=_curves(detail.curves, named, ahead))
        tries = {
            stage: tuple(
                (begin - ahead, None if end is None else end - ahead) for begin, end in some
            )
            for stage, some in page.tries.items()
        }
        run = page.run._replace(id=named(page.run.id))
        page = page._replace(run=run, detail=detail, tries=tries)
    if curves is not None:
        run = curves.run._replace(id=named(curves.run.id))
        curves = curves._replace(run=run, curves=_curves(curves.curves, named, ahead))
    health = snapshot.health
    if health.remedy:
        health = health._replace(remedy=f"on {box}: {health.remedy}")
    if health.low_disk is not None:
        health = health._replace(low_disk=f"{box}: {health.low_disk}")
    return snapshot._replace(
        query=query,
        health=health,
        runs=tuple(map(line, snapshot.runs)),
        history=tuple(one._replace(run=line(one.run)) for one in snapshot.history),
        endings=keyed(snapshot.endings),
        live=keyed(snapshot.live),
        details=keyed(snapshot.details),
        metrics={
            name: found._replace(values=keyed(found.values))
            for name, found in snapshot.metrics.items()
        },
        page=page,
        curves_page=curves,
        gpus=tuple(replace(gpu, host=box) for gpu in snapshot.gpus),
        gpu_uses={(box, index): use for (_, index), use in snapshot.gpu_uses.items()},
    )


def _curves(curves: Curves, named: Ids, ahead: int) -> Curves:
    wanted, converted = curves.wanted, curves.converted
    charts = curves.charts
    if ahead and wanted.view.axis == Axis.WALL:
        charts = tuple(_chart(one, -ahead / SECOND) for one in charts)
    return replace(
        curves,
        wanted=_wanted(wanted, [named(one) for one in wanted.compared.runs], -ahead),
        charts=charts,
        candidates=tuple(_candidate(one, named) for one in curves.candidates),
        converted=None if converted is None else _options(converted, -ahead),
    )


def _candidate(one: Candidate, named: Ids) -> Candidate:
    if not one.series.run:
        return one
    return one._replace(series=replace(one.series, run=named(one.series.run)))


def _chart(chart: Chart, by: float) -> Chart:
    if not chart.lines:  # its ends are no moments
        return chart
    first, last = chart.extent
    return replace(
        chart,
        low=chart.low + by,
        high=chart.high + by,
        extent=(first + by, last + by),
        lines=tuple(_line(one, by) for one in chart.lines),
        annotations=tuple(replace(one, x=one.x + by) for one in chart.annotations),
    )


def _line(line: PlotLine, by: float) -> PlotLine:
    best = line.best
    return replace(
        line,
        at=tuple(x + by for x in line.at),
        boundaries=tuple((x + by, number) for x, number in line.boundaries),
        end=line.end + by,
        best=None if best is None else (best[0], best[1], best[2] + by),
    )
