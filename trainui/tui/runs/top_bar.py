"""The left end of the top bar on the list of runs: their states, and what was chosen there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from trainui.domain.states import UNFINISHED, Status
from trainui.store.read.run_list import RunLine, RunTrouble
from trainui.text import SYMBOLS, harmless
from trainui.tui.data.snapshot import Snapshot
from trainui.tui.page import WIDE
from trainui.tui.render.numbers import state_style
from trainui.tui.render.styled_text import Row, Segment, width_of
from trainui.tui.runs.cells import trouble_cells
from trainui.tui.runs.sorting import WHEN
from trainui.tui.runs.table import RunTable

TITLE = Segment(" trainui ", "title")

HINT = Segment("  esc shows all", "dim")


def left_end(snapshot: Snapshot, table: RunTable, width: int, notices: Row) -> Row:
    """Return what fits beside the notices; what was chosen in the list is on no other page."""
    if not snapshot.runs:
        return (TITLE, *_chosen(table), *_order(table))
    count, *states = _states(snapshot)
    trouble, view = _stages_in_trouble(snapshot.runs, width), (*_chosen(table), *_order(table))
    room = width - width_of(notices) - 1
    hint = [HINT] if table.filter.text else []
    rows: list[Row] = [
        (TITLE, count, *states, *trouble, *view, *hint),
        (TITLE, count, *states, *trouble, *view),
        (count, *states, *trouble, *view),
        (*states, *trouble, *view),
    ]
    least = (*_chosen(table), *trouble, *_order(table)) if view else rows[1]
    return next((row for row in rows if width_of(row) <= room), least)


def _chosen(table: RunTable) -> Row:
    """Return the number of marked runs, and the filter with its number of matches."""
    spans: list[Segment] = []
    if marked := len(table.marked):
        spans.append(Segment(f"  ▌{marked:,} marked", "key"))
    if table.filter.text:
        spans.append(Segment(f"  / {harmless(table.filter.text)}", "accent"))
        for problem in table.filter.problems[:1]:  # its term is ignored
            spans.append(Segment(f" ✗ {harmless(problem.partition(':')[0])}", "bad"))
        spans.append(Segment(f" {table.count:,} match{'es' * (table.count != 1)}", "dim"))
    return tuple(spans)


def _order(table: RunTable) -> Row:
    """Return the order in words, unless it is the usual one."""
    if table.order == (WHEN, False):
        return ()
    return (Segment(f"  sorted by {harmless(table.order_words)}", "dim"),)


def _states(snapshot: Snapshot) -> Iterator[Segment]:
    """Yield the number of runs, then how many of them are unfinished or have failed."""
    count = len(snapshot.runs)
    yield Segment(f" {count:,}{'+' if snapshot.loading else ''} run{'s' * (count != 1)}", "dim")
    counts = Counter(run.status for run in snapshot.runs)
    for status in (*sorted(UNFINISHED, reverse=True), Status.FAILED):
        if counts[status]:
            yield Segment(f"  {SYMBOLS[status]} {counts[status]:,} {status}", state_style(status))


def _stages_in_trouble(runs: Sequence[RunLine], width: int) -> Row:
    """Return what is wrong in the stages of all runs; failed stages of unfinished runs only."""
    found = [
        run.trouble if run.status in UNFINISHED else run.trouble._replace(failed=0)
        for run in runs
        if any(run.trouble)
    ]
    total = RunTrouble(*map(sum, zip(*found, strict=True)))
    if not total.kinds:
        return ()
    return (Segment("  stages: ", "dim"), *trouble_cells(total, 60 if width >= WIDE else 20))
