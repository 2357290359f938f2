"""The reason why a search's pruner stopped a trial, as data from which the message is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class PruningReason:
    """A pruner's decision to stop a trial."""

    by: str
    """The pruner, as in the pipeline file: `median`, `hyperband`."""
    metric: str
    step: int
    """The step of the value."""
    value: float
    lower: bool
    """True if lower values are better."""
    best: bool = False
    """True if `value` is the best up to `step`, and not the value at it."""
    by_index: bool = False
    """True if `step` is the number of the value, since the metric has no steps."""
    rule: str | None = None
    """What the value was compared with: `the median`; None: the pruner does not say."""
    limit: float | None = None
    """The value that it was compared with."""
    of: int | None = None
    """The number of trials that were compared."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PruningReason:
        """Return the record from its JSON; fields of later versions are left out."""
        return cls(**{one.name: data[one.name] for one in fields(cls) if one.name in data})

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        return asdict(self)

    @property
    def place(self) -> dict[str, Any]:
        """The metric, and the step if it is one, for a mark on its curve."""
        return {"metric": self.metric} | ({} if self.by_index else {"step": self.step})

    @property
    def words(self) -> str:
        """The sentence, e.g. `0.412 at step 2,000 is above the median 0.287 of 7`."""
        where = f"{'value' if self.by_index else 'step'} {self.step:,}"
        if self.value != self.value:
            return f"{self.metric} is NaN at {where}"
        start = f"{self.value:.4g}{', the best by' if self.best else ' at'} {where}"
        start += "," if self.best else ""
        if self.rule is None:
            return f"{start} was pruned by {self.by}"
        limit = "" if self.limit is None else f" {self.limit:.4g}"
        of = "" if self.of is None else f" of {self.of:,}"
        above = self.lower if self.limit is None else self.value > self.limit
        return f"{start} is {'above' if above else 'below'} {self.rule}{limit}{of}"
