"""The step metrics of a W&B run: which metric is the step of which others.

The rule: a run's `define_metric` says so, by name or by the longest prefix that fits (`val/*`). A
row without the step metric has its last value, and W&B's own step before there was one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trainui.plugin.protobuf import fields
from trainui.plugin.reading import Floats, Ints, Steps, whole_steps

_NAME, _GLOB, _STEP_METRIC = 1, 2, 4
_OWN_STEP = "_step"

Cells = Mapping[str, tuple["Ints", "Floats"]]
"""By key: the numbers of rows, and their values."""


class StepMetrics:
    """The step metrics that were defined so far, and their last values."""

    def __init__(self, named: str | None, state: dict[str, Any]) -> None:
        """Continue from a state, which is changed; `named` is the source's own step metric."""
        self.named = None if named == _OWN_STEP else named
        """The step that the source's definition names: it is no series."""
        self.state = state

    def define(self, message: bytes) -> None:
        """Note what a call of `define_metric` says."""
        found: dict[int, str] = {
            key: value.decode("utf-8", "replace")
            for key, value, _at in fields(message)
            if key in (_NAME, _GLOB, _STEP_METRIC)
        }
        of = "" if found.get(_STEP_METRIC) == _OWN_STEP else found.get(_STEP_METRIC, "")
        if _NAME in found:
            self.state.setdefault("names", {})[found[_NAME]] = of
        elif found.get(_GLOB, "").endswith("*"):
            self.state.setdefault("prefixes", {})[found[_GLOB][:-1]] = of

    def uses(self, name: str) -> bool:
        """Return True if a key may be the step metric of others."""
        known = (self.state.get(kind, {}).values() for kind in ("names", "prefixes"))
        return name == self.named or any(name in names for names in known)

    def steps(self, cells: Cells, own: Ints) -> Mapping[str, Steps]:
        """Return the steps of all rows for each metric that has a step metric.

        `own` are the rows' steps as W&B counts them.
        """
        if self.named is None and not self.state:
            return {}
        step_metrics = {name: found for name in cells if (found := self._of(name))}
        steps = {name: self._filled(cells, name, own) for name in set(step_metrics.values())}
        return {name: steps[of] for name, of in step_metrics.items()}

    def _of(self, name: str) -> str:
        """Return a metric's step metric; empty if it has none."""
        if self.named is not None:
            return self.named
        by_prefix = self.state.get("prefixes", {})
        fitting = max(filter(name.startswith, by_prefix), key=len, default=None)
        general = "" if fitting is None else str(by_prefix[fitting])
        if general == name:  # the step of all others is its own step too
            return name
        return str(self.state.get("names", {}).get(name, general))

    def _filled(self, cells: Cells, name: str, own: Ints) -> Steps:
        """Return the values of a step metric in all rows."""
        rows, values = cells.get(name, (np.empty(0, np.int64), np.empty(0)))
        known = np.isfinite(values)
        rows, values = rows[known], values[known]
        last = self.state.get("last", {}).get(name)
        before = own.astype(np.float64) if last is None else np.full(len(own), last)
        at = np.searchsorted(rows, np.arange(len(own)), side="right") - 1
        steps = np.where(at < 0, before, np.append(values, 0.0)[at])
        if len(values):
            self.state.setdefault("last", {})[name] = float(values[-1])
        return whole_steps(steps)
