"""Reads the live data of visible runs: headline metric, sparkline, steps and GPUs.

Runs in the reader thread. An ended run is read again only after a point of it was stored; of a
running one only the sparkline is cached.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from trainui.domain.headline_metric import headline
from trainui.domain.metric_direction import ComparedMetric
from trainui.store.db.protocol import Connection
from trainui.store.plotting.columns import read_columns
from trainui.store.points import read_points
from trainui.store.read import headlines, stage_alerts
from trainui.store.read.run_list import RunLine
from trainui.text import harmless
from trainui.tui.data.cache import Cache
from trainui.tui.data.snapshot import RunLive
from trainui.tui.readers.stage_values import StageValues

SPARK = 40
"""Columns of a sparkline: at most two a character."""

FEW = 20_000
"""Series up to this many points are read whole: the summaries of whole chunks would give fewer
columns than the sparkline has."""

MOST_KEPT = 1000
"""Size of the caches."""


class HeadlineReader:
    """Reads the live data of visible runs, with a cache."""

    def __init__(self) -> None:
        self._values = StageValues()
        self._over = Cache[RunLive](MOST_KEPT)
        """Ended runs by id, for their end, their trouble and the version of their points."""
        self._drawn = Cache[tuple[float, ...]](MOST_KEPT)
        """The sparkline's columns by stage id and metric, for the version of the points."""

    def read(
        self,
        connection: Connection,
        runs: Collection[RunLine],
        goals: Mapping[str, float],
        gpus: Mapping[str, Sequence[int]] | None = None,
    ) -> dict[str, RunLive]:
        """Return the live data by run id.

        `goals` has by stage id the last step of its previous completed execution; `gpus` has by run
        id the GPUs that its stages use.
        """
        gpus = gpus or {}
        over = [run.id for run in runs if run.completed_at is not None]
        versions = headlines.run_versions(connection, over)
        found = {}
        for run in runs:
            if run.completed_at is None and run.started_at is None:
                continue
            if run.completed_at is None:
                live = self._of_metrics(connection, run, goals, tuple(gpus.get(run.id, ())))
            else:
                state = (run.completed_at, run.trouble, versions.get(run.id))
                make = partial(self._of_metrics, connection, run, {}, ())
                live = self._over.read(state, make, run.id)
            if live != _NOTHING:
                found[run.id] = live
        return found

    def _of_metrics(
        self,
        connection: Connection,
        run: RunLine,
        goals: Mapping[str, float],
        gpus: tuple[int, ...],
    ) -> RunLive:
        stage = headlines.headline_stage(connection, run.id)
        if stage is None:
            return RunLive(gpus=gpus)
        name = headline(stage.names, stage.search)
        found = read_points.summaries(connection, [stage.id], name or stage.names[0])
        if not found:
            return RunLive(gpus=gpus)
        (summary,) = found
        live = RunLive(
            step=summary.last_step if run.completed_at is None else None,
            last_step=goals.get(stage.id),
            gpus=gpus,
        )
        if name is None:
            return live
        stages = headlines.compared_stages(connection, name, run.id).get(run.id, [])
        in_trouble = [run.id] if run.trouble.nan else []
        nan = stage_alerts.stages_with_nan(connection, in_trouble).get(run.id, frozenset())
        best = self._values.best(connection, stages, name, stage.search, nan)
        shown = stage if best is None else best[0]
        return live._replace(
            metric=ComparedMetric.of(name, stage.search),
            stage=shown.name,
            member=member_of(shown.name),
            value=None if best is None else best[1].value,
            values=self._columns(connection, shown.id, name),
            broken=best is not None and (best[1].is_broken or shown.name in nan),
        )

    def _columns(self, connection: Connection, owner: str, name: str) -> tuple[float, ...]:
        def make() -> tuple[float, ...]:
            (series,) = read_points.summaries(connection, [owner], name)
            columns = read_columns(connection, owner, name, SPARK, exact=series.count <= FEW)
            return tuple(columns.mean.tolist())

        state = headlines.versions(connection, [owner]).get(owner)
        return self._drawn.read(state, make, (owner, name))


_NOTHING = RunLive()


def member_of(stage: str) -> str:
    """Return the parameters in the name of a sweep's member."""
    return harmless(stage.partition("[")[2].removesuffix("]"))
