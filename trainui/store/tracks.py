"""A series with all that was ever read of it, along any axis: for a plot that shows its attempts.

The rule that lives here: what an epoch, or a time, is at a step. A point that has none on the axis
is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from trainui.store import driver, pieces, stitching
from trainui.store.chunks import NO_TIME

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trainui.store.chunks import Floats, Ints


class Axis(StrEnum):
    """What a curve is drawn over."""

    STEP = "step"
    EPOCH = "epoch"
    """By the stage's metric `epoch`, between two of its points in proportion."""
    RELATIVE = "relative"
    """Seconds since the first point."""
    WALL = "wall"
    """Seconds since 1970 in UTC."""


@dataclass(frozen=True, slots=True)
class Track:
    """A series, point by point in the order read."""

    x: Floats
    """Along the axis."""
    values: Floats
    """NaN and infinities as they are: `finite` tells where there are none."""
    attempts: Ints
    """Number of the attempt that each point was read in: a boundary is where it changes."""
    kept: NDArray[np.bool_]
    """Where no later attempt superseded the point."""

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Where there is a value that can be drawn; what can't is to be marked."""
        import numpy as np

        return np.isfinite(self.values)

    @property
    def boundaries(self) -> list[float]:
        """Where on the axis the second attempt and each later one begin."""
        import numpy as np

        at = np.flatnonzero(np.diff(self.attempts)) + 1
        return [float(x) for x in self.x[at]]


def track(connection: driver.Connection, owner: str, name: str, axis: Axis = Axis.STEP) -> Track:
    """Return a whole series, superseded points too; empty if there is no such series."""
    import numpy as np

    with pieces.view(connection):
        found = pieces.pieces_of(connection, owner, name)
        cuts = pieces.cuts_of(found)
        parts = [(piece.history, pieces.load(connection, piece)) for piece in found]
        epochs = _epochs(connection, owner) if axis == Axis.EPOCH else None
    if not parts:
        nothing = np.empty(0)
        return Track(nothing, nothing, np.empty(0, np.int64), np.empty(0, np.bool_))
    order = np.argsort(np.concatenate([points.ordinals for _, points in parts]), kind="stable")
    steps = np.concatenate([points.steps.astype(np.float64) for _, points in parts])[order]
    times = np.concatenate([points.times for _, points in parts])[order]
    x = epochs(steps) if epochs else _x(axis, steps, times)
    placed = np.isfinite(x)
    values = np.concatenate([points.values for _, points in parts])[order]
    attempts = [np.full(len(points), history.attempt) for history, points in parts]
    kept = [points.steps < cuts[history] for history, points in parts]
    return Track(
        x[placed],
        values[placed],
        np.concatenate(attempts)[order][placed],
        np.concatenate(kept)[order][placed],
    )


def _x(axis: Axis, steps: Floats, times: Ints) -> Floats:
    import numpy as np

    if axis == Axis.STEP:
        return steps
    seconds = np.where(times == NO_TIME, np.nan, times / 1e6)
    known = seconds[np.isfinite(seconds)]
    return seconds - known[0] if axis == Axis.RELATIVE and len(known) else seconds


def _epochs(connection: driver.Connection, owner: str) -> Callable[[Floats], Floats]:
    """Return what tells the epoch at steps: NaN outside of what is known."""
    import numpy as np

    kept = [
        stitching.keep(pieces.load(connection, piece), cut)
        for name in ("epoch", "Epoch")
        for piece, cut in pieces.with_cuts(pieces.pieces_of(connection, owner, name))
    ]
    if not kept:
        return lambda steps: np.full(len(steps), np.nan)
    steps = np.concatenate([points.steps.astype(np.float64) for points in kept])
    values = np.concatenate([points.values for points in kept])
    finite = np.isfinite(values)
    known, first = np.unique(steps[finite], return_index=True)
    epochs = values[finite][first]
    return lambda at: np.interp(at, known, epochs, left=np.nan, right=np.nan)
