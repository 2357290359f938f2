"""Queries of pages to the poller: frozen, so that threads can share them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainui.tui.snapshot.curves import CurvesWanted


def _all_curves() -> CurvesWanted:
    from trainui.tui.snapshot.curves import CurvesWanted  # not needed for the list's first frame

    return CurvesWanted()


class DetailTab(IntEnum):
    """A detail tab of a stage; its value is the number on the tab, and the key."""

    OVERVIEW = 2
    PARAMS = 5
    OUTPUTS = 6
    EVENTS = 7

    @property
    def title(self) -> str:
        """The name on the tab."""
        return self.name.capitalize()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The query of the list of runs."""

    rows: tuple[str, ...] = ()
    """Ids of the runs in view."""
    metrics: frozenset[str] = frozenset()
    """Names of the metrics by which the list is filtered or sorted."""
    listed: tuple[str, ...] = ()
    """Ids of the newest runs that match the filter; the columns follow from them."""
    details: bool = False
    """True if each run in view has a second line."""


@dataclass(frozen=True, slots=True)
class RunQuery:
    """The query of a run's page."""

    run_id: str
    stage: str | None = None
    """The full name of the selected stage."""
    group: str | None = None
    """The folded sweep under the cursor."""
    smoothed: bool = False
    """True if the sweep's table shows and sorts by the last smoothed values."""
    attempt: int | None = None
    """The number of the stage's attempt to show; None: the last one."""
    curves: CurvesWanted | None = field(default_factory=_all_curves)
    """Which of the stage's metrics to read; None: none."""
    tab: DetailTab = DetailTab.OVERVIEW


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """The query of a metric's page."""

    run_id: str
    stage: str
    curves: CurvesWanted


@dataclass(frozen=True, slots=True)
class MachineQuery:
    """The query of the machine page."""


Query = ListQuery | RunQuery | MetricQuery | MachineQuery
"""The query of any page."""
