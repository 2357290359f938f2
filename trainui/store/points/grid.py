"""Maps steps to the columns of a plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainui.store.points.lazy_numpy import np

if TYPE_CHECKING:
    from trainui.store.points.chunks import Floats, Ints


@dataclass(frozen=True, slots=True)
class StepGrid:
    """Columns of equal width in steps; the last one includes its end."""

    low: float
    high: float
    width: int
    """Number of columns."""

    def edges(self) -> Floats:
        """Return the steps at which the columns begin, and the end of the last."""
        return np.linspace(self.low, self.high, self.width + 1)

    def index(self, steps: Any) -> Ints:
        """Return the columns of steps; -1 and `width` for those outside.

        Monotonic despite rounding: a larger step is never in an earlier column.
        """
        span = self.high - self.low
        places: Floats = np.subtract(steps, self.low, dtype=np.float64)
        places.clip(0, span, out=places)  # a far step divided by a tiny range would overflow
        if span:
            places /= span
            places *= self.width
        at: Ints = places.clip(0, self.width - 1, out=places).astype(np.int64)
        at[steps < self.low] = -1
        at[steps > self.high] = self.width
        return at
