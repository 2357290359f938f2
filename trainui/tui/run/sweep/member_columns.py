"""The columns of a sweep's table: its members' parameters, times, metrics and states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from rich.cells import cell_len

from trainui import clock, text
from trainui.domain.records import StageRecord
from trainui.domain.states import Status
from trainui.text import SYMBOLS, harmless
from trainui.tui.data.metric_values import StageValue
from trainui.tui.data.run_page import MatrixDetail
from trainui.tui.render.numbers import elapsed, number, state_style, step
from trainui.tui.render.styled_text import Row, Segment, fit, fit_middle

TIME, VALUE, STEP, MOST_TITLE, LEAST_PARAM = 7, 10, 9, 21, 4
"""Widths of the columns in characters."""

PLAIN = (Status.COMPLETED, Status.PENDING)
"""States for which the symbol is enough."""


class MemberColumns(NamedTuple):
    """Widths of the members' columns; 0: not shown."""

    params: Mapping[str, int]
    time: int
    value: int
    step: int
    others: Sequence[str] = ()
    """The titles of further metrics' columns."""

    @classmethod
    def fitting(
        cls, params: Mapping[str, int], value: int, width: int, *, steps: bool, word: int
    ) -> MemberColumns:
        """Return the columns that fit.

        First the step goes, then the time; then the metric's heading and the widest parameters are
        shortened.
        """
        names = 2 + sum(one + 2 for one in params.values())
        own = value + 2 if value else 0
        step = STEP if steps and names + own + STEP <= width else 0
        time = TIME if names + own + step + TIME <= width or not value else 0
        value = min(value, max(VALUE, width - names - time - step - 2 - word))
        room = width - 2 - (value + 2 if value else 0) - time - step
        return cls(narrowed(params, room), time, value, step)

    def with_others(self, titles: Iterable[str], room: int) -> MemberColumns:
        """Return the columns with those of further metrics that fit into so many characters."""
        room -= 2 + sum(width + 2 for width in self.params.values()) + self.time + self.step
        room -= self.value + 2 if self.value else 0
        widths = accumulate(_other_width(title) for title in titles)
        fitting = (title for title, width in zip(titles, widths, strict=True) if width <= room)
        return self._replace(others=tuple(fitting))

    def head(self, metric: str) -> Row:
        """Return the column headings."""
        names = "".join(f"{fitted(key, width)}  " for key, width in self.params.items())
        value = fit_middle(metric, self.value) if self.value else ""
        titles = [("time", self.time), (value, self.value and self.value + 2)]
        titles += [("at step", self.step)]
        titles += [(fit_middle(one, MOST_TITLE), _other_width(one)) for one in self.others]
        line = "".join(fit(title, width, right=True) for title, width in titles)
        return (Segment(f"  {names}{line}", "dim"),)

    def row(
        self,
        stage: StageRecord,
        params: Mapping[str, str],
        group: MatrixDetail,
        word: str,
        *,
        leads: bool,
    ) -> Row:
        """Return the line of a member, with the words of its state; `leads`: it is the best."""
        value, trial = group.shown.get(stage.name), None
        if group.search is not None:
            trial = group.search.trials.get(stage.name)
        is_broken = stage.name in group.broken
        texts = (f"{fitted(params.get(key, ''), width)}  " for key, width in self.params.items())
        ticks = stage.status == Status.RUNNING and stage.lost_at is None
        spent = elapsed(stage.worked_until(clock.now()), ticks=ticks)
        shown = "" if value is None else f"{'!' * is_broken}{number(value)}"
        value_style = "bad" if is_broken else "good" if leads and value is not None else ""
        style = "warn" if stage.stalled else state_style(stage.status)
        at = why = ""
        if trial is not None:
            why = trial.pruning.words if trial.pruning else harmless(trial.reason or "")
            # where it ran again, or was pruned after its best value, the step is another one's
            at = "" if trial.step is None or trial.value != value else step(trial.step)
        return (
            Segment(f"{SYMBOLS[stage.status]} ", style),
            Segment("".join(texts), "strong"),
            Segment(fit(spent, self.time, right=True), "dim"),
            Segment(fit(shown, self.value + 2 if self.value else 0, right=True), value_style),
            Segment(fit(at, self.step, right=True), "dim"),
            *(_other(title, group.others[title].get(stage.name)) for title in self.others),
            Segment(f"  {word}" if word else "", "bad" if word != state_word(stage) else style),
            Segment(f"  {why}" if why else "", "dim"),
        )


def state_word(stage: StageRecord) -> str:
    """Return the word of a member's state; empty if its symbol is enough."""
    if stage.lost_at is not None:
        return text.state_word(stage.status, is_lost=True)
    return "stalled" if stage.stalled else "" if stage.status in PLAIN else str(stage.status)


def narrowed(widths: Mapping[str, int], room: int) -> Mapping[str, int]:
    """Return widths of columns, two characters apart, of which the widest are made smaller."""
    narrowed = dict(widths)
    while sum(one + 2 for one in narrowed.values()) > room:
        widest = max(narrowed, key=lambda key: narrowed[key])
        if narrowed[widest] <= LEAST_PARAM:
            break
        narrowed[widest] -= 1
    return narrowed


def _other_width(title: str) -> int:
    """Return the width of a further metric's column, with the space before it."""
    return min(max(cell_len(title), VALUE), MOST_TITLE) + 2


def _other(title: str, found: StageValue | None) -> Segment:
    shown = "" if found is None else f"{'!' * found.is_broken}{number(found.value)}"
    style = "bad" if found is not None and found.is_broken else "dim"
    return Segment(fit(shown, _other_width(title), right=True), style)


def fitted(text: str, width: int) -> str:
    """Return a text as wide as its column, shortened in its middle."""
    return fit(fit_middle(text, width), width)
