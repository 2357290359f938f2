"""Reads the values of metrics that the list is filtered or sorted by, within a time budget."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from functools import partial
from typing import NamedTuple

from trainui.model.metric_direction import lower_is_better
from trainui.store.db.protocol import Connection
from trainui.store.read import event_feed, headlines, stage_alerts
from trainui.store.read.headlines import MetricOwner
from trainui.store.read.run_list import RunLine
from trainui.tui.readers.stage_values import StageValues
from trainui.tui.snapshot.run_page import SMOOTHED, RunValues
from trainui.tui.snapshot.snapshot import Cache

BUDGET = 0.2
"""Seconds for one read; the rest is read next time."""


Owners = tuple[MetricOwner, ...]
"""The stages of a run with the versions of their points."""


class _KnownValue(NamedTuple):
    state: tuple[Owners, frozenset[str]]
    """The run's stages, and those with NaN values."""
    value: float | None
    lower: bool | None
    """True if a search minimises the metric, False if one maximises it; None: none has it."""


class MetricReader:
    """Reads a metric's value of every run, the one that the list shows."""

    def __init__(self) -> None:
        self._values = StageValues()
        self._known: dict[tuple[str, str], _KnownValue] = {}
        """By metric and run id."""
        self._nan = Cache[Mapping[str, frozenset[str]]]()
        """By run the names of the stages with NaN values, for these runs and the last event."""
        self.unfinished = False
        """True if the time budget ended before all values were read."""
        self._give_up_at = 0.0

    def read(
        self, connection: Connection, names: Collection[str], runs: Collection[RunLine]
    ) -> Mapping[str, RunValues]:
        """Return the values by metric, as far as they were read."""
        self._give_up_at = time.monotonic() + BUDGET
        self.unfinished = False
        return {name: self._read(connection, name, runs) for name in sorted(names)}

    def _read(self, connection: Connection, name: str, runs: Collection[RunLine]) -> RunValues:
        in_trouble = tuple(run.id for run in runs if run.trouble.nan)
        newest = event_feed.last(connection) if in_trouble else 0
        find = partial(stage_alerts.stages_with_nan, connection, in_trouble)
        nan = self._nan.read((in_trouble, newest), find)
        stages = headlines.compared_stages(connection, name.removeprefix(SMOOTHED))
        found: dict[str, float] = {}
        lower: bool | None = None
        for run in runs:
            if (owners := stages.get(run.id)) is None:
                continue
            with_nan = nan.get(run.id, frozenset())
            known, state = self._known.get((name, run.id)), (tuple(owners), with_nan)
            if known is None or known.state != state:
                if time.monotonic() > self._give_up_at:
                    self.unfinished = True
                else:
                    known = self._value(connection, name, *state)
                    self._known[name, run.id] = known
            if known is not None and known.value is not None:
                found[run.id] = known.value
                lower = known.lower if lower is None else lower
        return RunValues(found, lower_is_better(name) if lower is None else lower)

    def _value(
        self, connection: Connection, name: str, owners: Owners, with_nan: frozenset[str]
    ) -> _KnownValue:
        search = headlines.search_of(connection, owners[0].id)
        if search is not None and search.metric != name.removeprefix(SMOOTHED):
            search = None
        best = self._values.best(connection, owners, name, search, with_nan)
        lower = None if search is None else search.goal == "minimize"
        value = None if best is None else math.nan if best[1].is_broken else best[1].value
        return _KnownValue((owners, with_nan), value, lower)
