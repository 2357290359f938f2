"""Makes what a chart draws from the points that were read: its x range and its lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainui.store.plotting.x_axis import Axis
from trainui.tui.axes.ticks import round_stride
from trainui.tui.data.curves import CurvesWanted, PlotLine, PlottedSeries

if TYPE_CHECKING:
    from trainui.store.plotting.windows import Extent, Plotted


def whole_extent(extents: Sequence[Extent], *, live: bool) -> tuple[float, float]:
    """Return the x range of all curves; for live ones with some room at the right."""
    if not extents:
        return 0.0, 1.0
    low, high = min(one.low for one in extents), max(one.high for one in extents)
    stride = round_stride(high - low, 16) if live else 0.0
    if stride:
        high = low + stride * (int((high - low) / stride) + 1)
    return low, high if high > low else low + 1.0


def positive_extent(extent: tuple[float, float], axis: Axis) -> tuple[float, float]:
    """Return the part of an extent that a logarithmic axis can show."""
    low, high = extent
    if high <= 0:
        return 1.0, 10.0
    if low <= 0:
        low = 1.0 if axis == Axis.STEP and high > 1 else high / 1000
    return low, high if high > low else low * 10


def plot_line(
    source: PlottedSeries,
    plotted: Plotted,
    window: tuple[float, float],
    wanted: CurvesWanted,
    *,
    lower: bool | None,
) -> PlotLine:
    """Return the line of a series in a window of the x axis; its best is the lowest, if `lower`."""
    view = wanted.view
    found = plotted.window(*window, wanted.columns, weight=view.smoothing, log=view.log_x)
    best = None if lower is None else plotted.best(lower=lower)
    has_old = bool((found.old_minimum == found.old_minimum).any())
    odd = found.odd.nonzero()[0]
    return PlotLine(
        label=source.label,
        index=source.index,
        own=source.own,
        at=tuple(found.at.tolist()),
        steps=tuple(found.steps.tolist()),
        times=tuple(found.times.tolist()),
        lows=tuple(found.minimum.tolist()),
        highs=tuple(found.maximum.tolist()),
        means=tuple(found.mean.tolist()),
        smooths=tuple(found.smooth.tolist()),
        lasts=tuple(found.last.tolist()),
        odd=tuple(zip(odd.tolist(), found.odd[odd].tolist(), strict=True)),
        old_lows=tuple(found.old_minimum.tolist()) if has_old else (),
        old_highs=tuple(found.old_maximum.tolist()) if has_old else (),
        boundaries=found.boundaries,
        end=plotted.extent.high if plotted.extent is not None else 0.0,
        best=best and (best.value, best.step, best.x),
        last=plotted.last(),
        pruned=source.pruned,
        completed=source.completed,
    )
