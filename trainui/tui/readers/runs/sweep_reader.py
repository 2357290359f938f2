"""Adds the values of sweeps to the list of runs, within a time budget, the newest runs first."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from trainui.domain.states import UNFINISHED
from trainui.store.db.protocol import Connection
from trainui.store.read import sweep_values
from trainui.store.read.run_list import RunLine

BUDGET = 0.05
"""Seconds for one read; the rest is read next time."""

PERIOD = 5.0
"""Seconds after which the sweeps of an unfinished run that has changed are read again."""


class _KnownSweep(NamedTuple):
    line: RunLine
    """The run as it was read."""
    filled: RunLine
    """The same, with its sweeps."""
    read_at: float


class SweepReader:
    """Reads which values the members of sweeps have, with a cache."""

    def __init__(self) -> None:
        self._known: dict[str, _KnownSweep] = {}
        self._read: tuple[Sequence[RunLine], tuple[RunLine, ...]] = ((), ())
        """The runs of the last read, and the same with their sweeps."""
        self._is_stale = False
        """True if the sweeps of an unfinished run are to be read again in a while."""
        self.unfinished = False
        """True if the time budget ended before all sweeps were read."""

    def read(self, connection: Connection, runs: tuple[RunLine, ...]) -> tuple[RunLine, ...]:
        """Return the runs with their sweeps, as far as these were read."""
        if runs is self._read[0] and not (self.unfinished or self._is_stale):
            return self._read[1]
        now = time.monotonic()
        due = [run for run in runs if self._is_due(run, now)]
        self._look_up(connection, due, now + BUDGET)
        filled = tuple(self._filled(runs))
        self._read = (runs, filled if filled != self._read[1] else self._read[1])
        return self._read[1]

    def _is_due(self, run: RunLine, now: float) -> bool:
        known = self._known.get(run.id)
        if known is None or known.line is run:
            return known is None
        return run.status not in UNFINISHED or now - known.read_at > PERIOD

    def _look_up(self, connection: Connection, due: Sequence[RunLine], give_up_at: float) -> None:
        """Read the sweeps of these runs until the time budget ends."""
        swept = sweep_values.with_sweeps(connection, [run.id for run in due]) if due else set()
        self.unfinished = False
        for run in due:
            now = time.monotonic()
            if run.id in swept and now > give_up_at:
                self.unfinished = True
                continue
            text = sweep_values.of_run(connection, run.id) if run.id in swept else ""
            filled = run._replace(sweeps_json=text) if text else run
            self._known[run.id] = _KnownSweep(run, filled, now)

    def _filled(self, runs: Sequence[RunLine]) -> Iterator[RunLine]:
        self._is_stale = False
        for run in runs:
            known = self._known.get(run.id)
            if known is None or known.line is run:
                yield run if known is None else known.filled
            else:
                self._is_stale = True
                yield run._replace(sweeps_json=known.filled.sweeps_json)
