"""The user's choices on a run's curves: plot options, comparison, pinned metrics and the filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from trainui.model.headline_metric import is_clock, is_headline
from trainui.model.records import SeriesSummary
from trainui.store.points.plot_series import Axis
from trainui.tui.snapshot.curves import SMOOTHINGS, Comparison, PlotOptions

if TYPE_CHECKING:
    from trainui.tui.preferences import Preferences

PREFERENCE = "curves"
"""Where the choices are in the preferences."""

MOST_PINNED = 100
"""The most pinned metrics that are saved, of all pipelines together."""

MOST_RUNS = 50
"""The most runs whose choices are saved, the last ones used."""

Item = TypeVar("Item")


@dataclass(slots=True)
class CurvesState:
    """The user's choices on a run's curves, shared by the pane and the page of one metric."""

    run_id: str = ""
    view: PlotOptions = field(default_factory=PlotOptions)
    log: set[str] = field(default_factory=set)
    """The metrics with a logarithmic y axis."""
    metric: str = ""
    """The selected metric, by its stored name; empty: the first one."""
    pinned: list[str] = field(default_factory=list)
    """Pinned metrics, which are shown first, in the order of pinning."""
    filter: tuple[str, ...] = ()
    """Words; only metrics whose names contain all of them are shown."""
    compared: Comparison = field(default_factory=Comparison)
    """What the curves are compared with."""
    all_members: bool = False
    """True while a folded sweep is selected: its members are drawn unless others are chosen."""
    time: float | None = None
    """Time of the point under the cursor, until the log has been scrolled to it."""
    saved: Mapping[str, Any] = field(default_factory=dict)
    """The choices to save, as plain data; read by `restored`."""

    @classmethod
    def restored(cls, saved: Mapping[str, Any], run_id: str) -> CurvesState:
        """Restore the saved choices of a run; invalid values are ignored."""
        runs, pinned = saved.get("runs"), saved.get("pinned")
        own = runs.get(run_id) if isinstance(runs, dict) else None
        own = own if isinstance(own, dict) else {}
        axis, smoothing, fold = own.get("axis"), own.get("smoothing"), own.get("fold")
        view = PlotOptions(
            axis=next((one for one in Axis if one == axis), Axis.STEP),
            smoothing=next((one for one in SMOOTHINGS if one == smoothing), 0.0),
            log_x=own.get("log_x") is True,
        )
        compared = Comparison(
            attempts=_items(own.get("attempts"), int),
            members=_items(own.get("members"), str),
            runs=_items(own.get("with_runs"), str),
            sweep=own.get("sweep") is True,
            fold=fold if isinstance(fold, str) else None,
        )
        return cls(
            run_id,
            view,
            set(_items(own.get("log"), str)),
            pinned=list(_items(pinned, str)),
            compared=compared,
            saved=saved,
        )

    @classmethod
    def remembered(cls, preferences: Preferences, run_id: str) -> CurvesState:
        """Return the choices on a run's curves as last used."""
        return cls.restored(preferences.get(PREFERENCE, dict), run_id)

    def remember(self, preferences: Preferences) -> None:
        """Remember the choices for the next time."""
        preferences.keep(PREFERENCE, self.saved)

    @property
    def drawn(self) -> Comparison:
        """What is drawn beside the stage's own curves."""
        return self.compared or Comparison(sweep=self.all_members)

    def choose(self, view: PlotOptions) -> None:
        """Apply plot options; all of them except window and cursor are saved for the run."""
        self.view = view
        own = {
            "axis": str(view.axis) if view.axis != Axis.STEP else None,
            "smoothing": view.smoothing,
            "log_x": view.log_x,
            "log": sorted(self.log),
            "attempts": list(self.compared.attempts),
            "members": list(self.compared.members),
            "with_runs": list(self.compared.runs),
            "sweep": self.compared.sweep,
            "fold": self.compared.fold,
        }
        changed = {key: value for key, value in own.items() if value}
        before = self.saved.get("runs")
        runs = dict(before) if isinstance(before, dict) else {}
        runs.pop(self.run_id, None)
        if changed:
            runs[self.run_id] = changed
        kept = dict(list(runs.items())[-MOST_RUNS:])
        self.saved = {"pinned": self.pinned[-MOST_PINNED:], "runs": kept}

    def view_of(self, metric: str) -> PlotOptions:
        """Return the options with which a metric is plotted."""
        return replace(self.view, log=True) if metric in self.log else self.view

    def reset(self) -> None:
        """Set all options of the plots to their defaults, and remove the comparison."""
        self.log.clear()
        self.compared = Comparison()
        self.choose(PlotOptions())

    @property
    def words(self) -> list[str]:
        """Return the choices that differ from the defaults, as short phrases."""
        compared = [self.compared.words] if self.compared else []
        return [*compared, *self.view.words]

    def pin(self, metric: str) -> None:
        """Pin or unpin a metric."""
        if metric in self.pinned:
            self.pinned.remove(metric)
        else:
            self.pinned.append(metric)

    def shown(self, figures: Sequence[SeriesSummary]) -> list[SeriesSummary]:
        """Return the metrics that pass the filter: pinned ones, losses and scores, then others.

        Without a filter, clocks (epoch, time) are left out unless there is nothing else: they are
        axes.
        """
        fitting = [
            one for one in figures if all(word in one.name.casefold() for word in self.filter)
        ]
        hidden = self.hidden(figures)
        fitting = [one for one in fitting if one not in hidden] or fitting
        return sorted(fitting, key=self._rank)

    def hidden(self, figures: Sequence[SeriesSummary]) -> list[SeriesSummary]:
        """Return the clocks that are left out."""
        if self.filter:
            return []
        return [one for one in figures if one.name not in self.pinned and is_clock(one.name)]

    def _rank(self, one: SeriesSummary) -> tuple[int, bool]:
        if one.name in self.pinned:
            return self.pinned.index(one.name), False
        return len(self.pinned), not is_headline(one.name)


def _items(value: Any, kind: type[Item]) -> tuple[Item, ...]:
    """Return the items of a list that are of a kind; of anything else none."""
    return tuple(one for one in value if isinstance(one, kind)) if isinstance(value, list) else ()
