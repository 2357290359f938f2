"""The two header lines of a run's page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from trainui.formatting import short_id
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import DONE, UNFINISHED, Status
from trainui.text import SYMBOLS, harmless, state, verdict
from trainui.tui.numbers import clock_time, elapsed, progress_bar, state_style
from trainui.tui.snapshot.run_page import RunPage
from trainui.tui.styled_text import Row, Segment

BAR = 12
"""Width of the progress bar in characters."""

WITH_BAR = 100
"""Terminal width in columns from which the progress bar fits beside the counts."""

OTHERS = (
    Status.RUNNING,
    Status.QUEUED,
    Status.CANCELLED,
    Status.ENDED,
    Status.BLOCKED,
    Status.PRUNED,
)
"""States that are counted after what is wrong."""


def crumbs(run: RunRecord, stage: str = "") -> Row:
    """Return the breadcrumbs, with the stage if the open pane does not name it."""
    priority = f"  priority {run.priority:+d}" if run.priority else ""
    return (
        Segment(" trainui ", "title"),
        Segment(" › ", "dim"),
        Segment(harmless(run.name), "strong"),
        *((Segment(" › ", "dim"), Segment(stage)) if stage else ()),
        Segment(priority, "warn"),
        Segment(f"  {short_id(run.id)}" if run.id != run.name else "", "dim"),
        Segment(f"  {harmless(run.pipeline)}" if run.pipeline != run.name else "", "dim"),
        Segment(f"  from {clock_time(run.created_at)}", "dim"),
        Segment(f"  {mark}" if (mark := verdict(run.verdict)) else "", "key"),
        Segment(f"  “{harmless(run.note)}”" if run.note else "", "key"),
    )


def heading(page: RunPage, now: int, width: int = WITH_BAR) -> Row:
    """Return the run's state, progress and remaining time, and its stages by state, worst first.

    If some stages are not read yet, states are not counted.
    """
    run, stages = page.run, page.stages
    is_lost, worked = page.lost is not None, page.worked
    spent = worked.until(now if page.lost is None else page.lost.at)
    spent_text = elapsed(spent, ticks=worked.since is not None and not is_lost)
    style = "warn" if is_lost else state_style(run.status)
    since = f" since {clock_time(run.started_at)}" if run.started_at is not None else ""
    spans = [
        Segment(f" {state(run.status, is_lost=is_lost)}", style),
        Segment(f"  {spent_text}" if since else ""),
        Segment(since if width >= WITH_BAR else "", "dim"),
    ]
    if page.more:
        return (*spans, Segment(f"  {len(stages) + page.more} stages", "dim"))
    counts = Counter(stage.status for stage in stages)
    done = sum(counts[status] for status in DONE)
    full, empty = progress_bar(done, len(stages), BAR if width >= WITH_BAR else 0)
    spans += [
        Segment("  " if full or empty else " "),
        Segment(full, state_style(run.status)),
        Segment(empty, "line"),
        Segment(f" {done}/{len(stages)}"),
    ]
    to_go = page.eta.run if page.eta is not None else None
    if to_go is not None and run.status in UNFINISHED:
        spans.append(Segment(f"  {to_go.words(now)} to go"))
    spans += _counted(counts, (Status.FAILED, Status.INTERRUPTED))
    spans += trouble(stages, page.alerts)
    return (*spans, *_counted(counts, OTHERS))


def _counted(counts: Mapping[Status, int], states: Sequence[Status]) -> Row:
    return tuple(
        Segment(f"  {SYMBOLS[status]} {counts[status]} {status}", state_style(status))
        for status in states
        if counts[status]
    )


def trouble(stages: Sequence[StageRecord], alerts: Mapping[str, str]) -> Row:
    """Return the number of stages with a NaN or another alert, and of stalled ones."""
    words = Counter(alerts.values())
    found = [Segment(f"  ! {count} {word}", "bad") for word, count in words.items()]
    stalled = sum(stage.stalled for stage in stages)
    return (*found, *([Segment(f"  ◌ {stalled} stalled", "warn")] if stalled else []))


def can_resume(stages: Sequence[StageRecord]) -> bool:
    """Return True if a stage ended without completing, so that a resume may have work to do.

    A failed trial of a search is left alone by a resume.
    """
    return any(
        stage.status not in (*UNFINISHED, *DONE, Status.ENDED)
        and (stage.status != Status.FAILED or stage.definition.trial is None)
        for stage in stages
    )
