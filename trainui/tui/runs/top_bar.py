"""The left end of the top bar on the list of runs: their states, and what was chosen there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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

FILTERED = "accent"
"""The style of a filter that is set."""


def left_end(snapshot: Snapshot, table: RunTable, width: int, notices: Row) -> Row:
    """Return what fits beside the notices; what was chosen in the list is on no other page."""
    summary, view = _summary(snapshot, width), _view(table)
    title = Segment(" trainui ", "title")
    room = width - width_of(notices) - 1
    whole = (title, *summary, *view)
    hint = Segment("  esc shows all", "dim")
    is_filtered = any(segment.style == FILTERED for segment in view)
    rows = [whole, (*summary, *view), (*view, *summary)]
    if is_filtered:
        rows.insert(0, (*whole, hint))
    return next((row for row in rows if not view or width_of(row) <= room), rows[-1])


def _view(table: RunTable) -> Row:
    """Return the number of marked runs, the filter with its number of matches, and the order."""
    spans: list[Segment] = []
    if marked := len(table.marked):
        spans.append(Segment(f"  ▌{marked} marked", "key"))
    if table.filter.text:
        spans.append(Segment(f"  / {harmless(table.filter.text)}", FILTERED))
        spans.append(Segment(f" {table.count} match{'es' * (table.count != 1)}", "dim"))
    if table.order != (WHEN, False):
        spans.append(Segment(f"  sorted by {harmless(table.order_words)}", "dim"))
    return tuple(spans)


def _summary(snapshot: Snapshot, width: int) -> Row:
    if not snapshot.runs:
        return ()
    count = len(snapshot.runs)
    spans = [Segment(f" {count}{'+' if snapshot.loading else ''} run{'s' * (count != 1)}", "dim")]
    counts = Counter(run.status for run in snapshot.runs)
    for status in (*sorted(UNFINISHED, reverse=True), Status.FAILED):
        if counts[status]:
            spans.append(
                Segment(f"  {SYMBOLS[status]} {counts[status]} {status}", state_style(status))
            )
    return (*spans, *_stages_in_trouble(snapshot.runs, width))


def _stages_in_trouble(runs: Sequence[RunLine], width: int) -> Row:
    """Return what is wrong in the stages of all runs; failed stages of unfinished runs only."""
    kinds = RunTrouble._fields
    sums = [sum(getattr(run.trouble, kind) for run in runs) for kind in kinds]
    sums[0] = sum(run.trouble.failed for run in runs if run.status in UNFINISHED)
    total = RunTrouble(*sums)
    if not total.kinds:
        return ()
    return (Segment("  stages: ", "dim"), *trouble_cells(total, 60 if width >= WIDE else 20))
