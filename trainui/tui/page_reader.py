"""Reads what a run's page shows: the work of the feed, in its thread."""

from __future__ import annotations

import sys

from trainui.domain.records import SeriesSummary, StageRecord
from trainui.store import curves, driver, views
from trainui.text import harmless
from trainui.tui.endings_ahead import Prophet
from trainui.tui.snapshots import CurveData, RunPage, StageDetail, Wanted

MOST_CURVES = 60
"""Metrics of a stage that are plotted."""


class PageReader:
    """Reads a run's page, and of the selected stage its curves."""

    def __init__(self) -> None:
        self._prophet = Prophet()
        self._plots: dict[tuple[str, str], tuple[tuple[object, ...], CurveData]] = {}

    def read(self, connection: driver.Connection, wanted: Wanted) -> RunPage | None:
        """Read a page; None where the run is gone."""
        assert wanted.run_id is not None
        run = views.run(connection, wanted.run_id)
        if run is None:
            return None
        stages = tuple(views.stages(connection, wanted.run_id))
        attempts = views.attempts(connection, wanted.run_id)
        selected = next((stage for stage in stages if stage.name == wanted.stage), None)
        detail = None
        if selected is not None:
            detail = StageDetail(
                stage=selected.name,
                curves=self._read_curves(connection, selected, wanted) if wanted.curves else None,
                problems=tuple(
                    harmless(found.problem) for found in curves.problems(connection, [selected.id])
                ),
            )
        ahead = self._prophet.look(connection, run, stages)
        return RunPage(run, stages, attempts, detail, ahead)

    def _read_curves(
        self, connection: driver.Connection, stage: StageRecord, wanted: Wanted
    ) -> tuple[CurveData, ...] | None:
        if "numpy" not in sys.modules and not _has_series(connection, stage.id):
            return ()
        found = curves.summaries(connection, [stage.id])[:MOST_CURVES]
        return tuple(
            self._plot(connection, stage.id, series, wanted.plot_width) for series in found
        )

    def _plot(
        self, connection: driver.Connection, owner: str, series: SeriesSummary, width: int
    ) -> CurveData:
        """Read a series in columns, unless nothing of it has changed."""
        key = (owner, series.name)
        state = (series.count, series.superseded, series.last_step, width)
        known = self._plots.get(key)
        if known is not None and known[0] == state:
            return known[1]
        columns = curves.columns(connection, owner, series.name, width)
        data = CurveData(
            name=harmless(series.name),
            count=series.count,
            last=series.last,
            minimum=series.min,
            maximum=series.max,
            first_step=series.first_step,
            last_step=series.last_step,
            nonfinite=series.nonfinite,
            lows=tuple(columns.minimum.tolist()),
            highs=tuple(columns.maximum.tolist()),
        )
        if len(self._plots) > 4 * MOST_CURVES:
            self._plots.clear()
        self._plots[key] = (state, data)
        return data


def _has_series(connection: driver.Connection, owner: str) -> bool:
    found = connection.execute("SELECT 1 FROM series WHERE owner = ? LIMIT 1", (owner,))
    return found.fetchone() is not None
