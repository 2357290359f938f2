"""The `search` of a stage: its space, objective, sampler and pruning rule, as frozen records.

Samplers, pruners and their options are named as the plugin for searches names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decimal import Decimal

Scalar = str | int | float | bool | None
"""A value of a parameter."""


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers between two ends, both included."""

    low: float
    """The lowest value; an int if `whole`."""
    high: float
    """The highest value; an int if `whole`."""
    log: bool = False
    """True: sample the logarithm uniformly."""
    step: float | None = None
    """Distance between values; None: every number, or every whole number."""
    whole: bool = False
    """True: whole numbers only."""

    @property
    def size(self) -> int | None:
        """The number of values; None: not finite."""
        step = self.step or (1 if self.whole else None)
        if step is None:
            return None
        return int((_exact(self.high) - _exact(self.low)) // _exact(step)) + 1

    def grid(self) -> tuple[float, ...]:
        """Return all values, ints if `whole`; empty if they are not finite."""
        first, step = _exact(self.low), _exact(self.step or 1)
        kind = int if self.whole else float
        return tuple(kind(first + step * index) for index in range(self.size or 0))

    def __str__(self) -> str:
        step = "" if self.step is None else f" step {self.step}"
        return f"{self.low}..{self.high}{step}" + (" log" if self.log else "")

    def text(self, value: Scalar) -> str:
        """Return a value as it is written into commands; a text is from before an edit."""
        return value if isinstance(value, str) else repr(value)


@dataclass(frozen=True, slots=True)
class Choices:
    """A list of values without an order."""

    values: tuple[Scalar, ...]
    """The values as YAML types them, which Optuna gets; no two are equal."""
    written: tuple[str, ...] = ()
    """The same as written in the file."""

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.values)

    def grid(self) -> tuple[Scalar, ...]:
        """Return all values."""
        return self.values

    def __str__(self) -> str:
        return ", ".join(map(self.text, self.values))

    def text(self, value: Scalar) -> str:
        """Return a value as it is written into commands: as the file writes it."""
        known = dict(zip(self.values, self.written, strict=False))
        return known.get(value, str(value))


@dataclass(frozen=True, slots=True)
class Prune:
    """The rule that stops trials early."""

    by: str
    """Its full name, e.g. `MedianPruner`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Its keyword arguments, e.g. `n_startup_trials`; for `PatientPruner` without the pruner."""
    wrapped: Prune | None = None
    """For `PatientPruner`: the pruner that it wraps."""

    def __str__(self) -> str:
        options = (f"{name}={value}" for name, value in self.options.items())
        wrapped = () if self.wrapped is None else (str(self.wrapped),)
        return " ".join((self.by, *options, *wrapped))


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What stages that depend on a search use of it."""

    best_trial: int | None = None
    """The number of the best trial; None: none has completed."""
    best_dir: str | None = None
    """Its directory."""
    best_params: Mapping[str, Scalar] = field(default_factory=dict)
    """Its values."""
    best_texts: Mapping[str, str] = field(default_factory=dict)
    """The same as they are written into commands."""
    dirs: tuple[str, ...] = ()
    """The directories of all trials that have completed, in order."""
    best_checkpoint: str | None = None
    """Of an evaluation of each checkpoint: the path of the best one."""
    best_step: str | None = None
    """Its step."""


@dataclass(frozen=True, slots=True)
class Search:
    """What to search, and for what; without a space it prunes the members of a matrix."""

    metric: str
    """The metric whose best value is the objective."""
    goal: str
    """`minimize` or `maximize`."""
    space: Mapping[str, Range | Choices] = field(default_factory=dict)
    """Parameter -> its values, in file order; empty with a matrix."""
    trials: int | None = None
    """Number of trials; None with a matrix."""
    sampler: str = ""
    """Its full name; empty: the searcher's first."""
    sampler_options: Mapping[str, Any] = field(default_factory=dict)
    """The sampler's keyword arguments, without its seed."""
    prune: Prune | None = None
    """None: every trial runs to its end."""
    seed: int | None = None
    """The sampler's seed; None: not reproducible."""
    searcher: str = ""
    """The plugin that decides; empty: the first one."""

    @property
    def asks(self) -> bool:
        """True if trials are asked for one by one; False: the members are those of a matrix."""
        return bool(self.space)

    def texts(self, params: Mapping[str, Scalar]) -> dict[str, str]:
        """Return a trial's values as they are written into commands."""
        known = {name: self.space.get(name) for name in params}
        return {
            name: values.text(params[name]) if values else str(params[name])
            for name, values in known.items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Search:
        """Read the plain data of a stored definition; unknown fields are ignored."""
        known = _known(cls, data)
        known["space"] = {name: _values(one) for name, one in (data.get("space") or {}).items()}
        known["prune"] = _prune(data.get("prune"))
        return cls(**known)


def _exact(number: float) -> Decimal:
    """Return the number that its shortest text stands for, as Optuna does for steps."""
    from decimal import Decimal  # late: each command imports this module

    return Decimal(str(number))


def _values(data: Mapping[str, Any]) -> Range | Choices:
    if "values" in data:
        return Choices(tuple(data["values"]), tuple(data.get("written", ())))
    return Range(**_known(Range, data))


def _prune(data: Mapping[str, Any] | None) -> Prune | None:
    if data is None:
        return None
    return Prune(**_known(Prune, data) | {"wrapped": _prune(data.get("wrapped"))})


def _known(record: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in record.__dataclass_fields__ if name in data}
