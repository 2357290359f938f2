"""Preview of a running stage's metrics that are in its files and not stored yet.

Reading a file of a gigabyte takes seconds; meanwhile a few hundred of its records are sampled.
Only columns without stored points show the samples, and the screen says `sampled`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import mounts
from trainui.domain.records import SeriesSummary, StageRecord
from trainui.domain.states import Status
from trainui.metrics.files import lenient_files
from trainui.store.db.protocol import Connection
from trainui.store.points.read_points import offsets
from trainui.store.read import views

if TYPE_CHECKING:
    from trainui.metrics.preview import FilePreview
    from trainui.store.plotting.binning import Window
    from trainui.store.plotting.series_data import SeriesPoints
    from trainui.store.plotting.windows import Best, Extent, Plotted
    from trainui.store.points.chunks import Points

PERIOD, SHARE = 3.0, 30
"""Seconds between two samplings at least, and also this multiple of what the last one took."""

NOTHING: Mapping[str, Points] = {}


class PreviewReader:
    """Samples the files of the selected stage."""

    def __init__(self) -> None:
        self._owner = ""
        self._next = 0.0
        self._found: FilePreview | None = None

    def read(self, connection: Connection, stage: StageRecord) -> Mapping[str, Points]:
        """Return the sampled points by metric; the same mapping until they are stored."""
        began = time.monotonic()
        if stage.status != Status.RUNNING:
            self._owner, self._found = "", None
        elif self._owner != stage.id or began >= self._next:
            self._owner, self._found = stage.id, _sampled(connection, stage)
            took = time.monotonic() - began
            self._next = began + max(PERIOD, SHARE * took)
        elif self._found is not None and self._found.is_stored(connection, stage.id):
            self._found = None
        return self._found.points if self._found is not None else NOTHING


def _sampled(connection: Connection, stage: StageRecord) -> FilePreview | None:
    """Sample the files of a stage's last attempt if they may have much more than the store.

    Those of an external run on a remote file system, which may not answer, are not accessed.
    """
    attempts, stored = views.attempts_of_stage(connection, stage.id), offsets(connection, stage.id)
    if not attempts or (attempts[-1].celery_task_id is None and mounts.remote_mount(*stored)):
        return None
    ahead = (lenient_files.size(Path(key)) - offset for key, offset in stored.items())
    if stored and max(ahead) < lenient_files.LEAST_AHEAD:
        return None
    from trainui.metrics import preview  # imports all formats

    found = preview.preview(connection, stage, attempts[-1])
    return found if found.points else None


def with_previews(
    figures: Sequence[SeriesSummary], ahead: Mapping[str, Points]
) -> tuple[SeriesSummary, ...]:
    """Return a stage's metrics with their newest sampled values, including those not yet stored."""
    stored = {one.name for one in figures}
    new = [
        SeriesSummary("", name, 0, 0, None, None, None, None, None, 0)
        for name in ahead
        if name not in stored
    ]
    return tuple(
        replace(one, last=points.values[-1].item(), last_step=float(points.steps[-1]))
        if (points := ahead.get(one.name)) is not None and len(points)
        else one
        for one in (*figures, *new)
    )


@dataclass(frozen=True, slots=True)
class PreviewedSeries:
    """A series over steps: its stored points, continued by sampled ones."""

    stored: Plotted
    points: Points

    @property
    def extent(self) -> Extent | None:
        """The first and the last step."""
        from trainui.store.plotting.windows import Extent

        known, steps = self.stored.extent, self.points.steps
        if not len(steps):
            return known
        low, high = float(steps.min()), float(steps.max())
        return Extent(min(low, known.low), max(high, known.high)) if known else Extent(low, high)

    def window(
        self, low: float, high: float, width: int, *, weight: float = 0.0, log: bool = False
    ) -> Window:
        """Bin the points between two steps into `width` columns."""
        import numpy as np

        from trainui.store.plotting import smoothing
        from trainui.store.plotting.binning import columns_of_points
        from trainui.store.plotting.grid import BinGrid

        known = self.stored.window(low, high, width, weight=weight, log=log)
        track = _track(self.points)
        smooth = smoothing.of_series(track, weight) if weight else None
        seen = columns_of_points(track, BinGrid(low, high, width, log), known.boundaries, smooth)
        empty = np.isnan(known.at)
        return replace(
            known,
            **{
                field.name: np.where(empty, getattr(seen, field.name), getattr(known, field.name))
                for field in fields(known)
                if field.name not in ("boundaries", "old_minimum", "old_maximum")
            },
        )

    def last(self) -> tuple[float, float] | None:
        """Return the value and the step of the newest sampled point."""
        if not len(self.points):
            return self.stored.last()
        return float(self.points.values[-1]), float(self.points.steps[-1])

    def step_at(self, x: float) -> float:
        """Return the step at a position on the axis, which is the step."""
        return x

    x_at = step_at

    def best(self, *, lower: bool) -> Best | None:
        """Return the best stored point."""
        return self.stored.best(lower=lower)


def _track(points: Points) -> SeriesPoints:
    import numpy as np

    from trainui.store.plotting.series_data import SeriesPoints

    steps, count = points.steps.astype(np.float64), len(points)
    unknown, attempts = np.full(count, np.nan), np.zeros(count, np.int64)
    return SeriesPoints(steps, steps, points.values, unknown, attempts, np.ones(count, np.bool_))
