"""Maps the positions of points to the columns of a plot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from trainui.store.points.lazy_numpy import Floats, Ints, np


@dataclass(frozen=True, slots=True)
class BinGrid:
    """Columns of equal width on an axis; the last one includes its end."""

    low: float
    high: float
    width: int
    """Number of columns."""
    log: bool = False
    """True for columns of equal width in the logarithm of x."""

    def edges(self) -> Floats:
        """Return the positions at which the columns begin, and the end of the last."""
        return np.linspace(self.low, self.high, self.width + 1)

    def index(self, x: Any) -> Ints:
        """Return the columns of positions; -1 and `width` for those outside.

        Monotonic despite rounding: a larger position is never in an earlier column.
        """
        low, high, place = self.low, self.high, x
        if self.log:
            low, high, place = np.log(low), np.log(high), np.log(np.maximum(x, 1e-300))
        span = high - low
        places: Floats = np.subtract(place, low, dtype=np.float64)
        places.clip(0, span, out=places)  # a far step divided by a tiny range would overflow
        if span:
            places /= span
        places *= self.width
        at: Ints = places.clip(0, self.width - 1, out=places).astype(np.int64)
        at[x < self.low] = -1
        at[x > self.high] = self.width
        return at

    def spread(self, at: Ints, values: Any, empty: float = math.nan) -> Floats:
        """Put values into the columns `at`, and `empty` into all others."""
        column = np.full(self.width, empty)
        column[at] = values
        return column
