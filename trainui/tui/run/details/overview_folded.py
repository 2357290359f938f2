"""The end of a stage's overview, folded by default: times, host, ids, variables and paths."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from trainui import settings
from trainui.domain.records import AttemptRecord, StageRecord
from trainui.text import SYMBOLS
from trainui.tui.data.run_page import StageDetail
from trainui.tui.render.numbers import clock_time
from trainui.tui.render.styled_text import Row, Segment, fit_middle
from trainui.tui.run.details.fields import LABEL, fields_rows, start_of

if TYPE_CHECKING:
    from trainui.tui.graph.timeline import Timeline

FOLDED: Row = (Segment("▸ details", "key"), Segment("  d shows times, ids and paths", "dim"))
"""The line in place of the folded details."""

UNFOLDED: Row = (Segment("▾ details", "key"), Segment("  d hides them", "dim"))


def details_rows(
    stage: StageRecord,
    last: AttemptRecord | None,
    by_name: Mapping[str, StageRecord],
    detail: StageDetail,
    timeline: Timeline | None,
    width: int,
) -> list[Row]:
    """Return the facts that are seldom asked for.

    `last` is the attempt shown. Without a timeline, the share of the run's time is not shown.
    """
    definition = stage.definition
    checkpoint = last.checkpoint if last is not None else None
    times = filter(None, map(clock_time, (stage.since, stage.completed_at)))
    retries = f"{stage.retries_used} of {definition.retries} used"
    known = (by_name.get(name) for name in stage.depends_on)
    upstream = (f"{SYMBOLS[one.status]} {one.name}" for one in known if one is not None)
    fields = (
        ("time", " → ".join(times) if stage.started_at is not None else "", ""),
        ("share", _share(stage, timeline), ""),
        ("retries", retries if definition.retries and stage.attempt else "", ""),
        ("continues", (checkpoint or "").removeprefix(f"{stage.directory}/"), ""),
        ("commit", detail.commit, ""),
        ("task", definition.task or "", ""),
        ("after", start_of(upstream, "  "), ""),
        ("outputs", "  ".join(definition.outputs), ""),
        ("sets", "  ".join(definition.env), ""),
        ("variables", detail.variables, ""),
        ("where", _where(last), ""),
        ("task id", stage.celery_task_id or "", "dim"),
        ("directory", short_path(stage.directory, width - LABEL), "dim"),
    )
    return fields_rows(fields, width)


def short_path(path: str, room: int) -> str:
    """Return a path with `~` for the home directory; a long one without its first directories.

    Its last part is shortened in the middle where it is too long.
    """
    home = str(Path.home())
    short = f"~{path.removeprefix(home)}" if path.startswith(f"{home}/") else path
    while len(short) > room and "/" in short.removeprefix("…/"):
        short = f"…/{short.removeprefix('…/').partition('/')[2]}"
    return fit_middle(short, room)


def _share(stage: StageRecord, timeline: Timeline | None) -> str:
    """Return the stage's share of the run's time, and if it is on the critical path."""
    if timeline is None or not timeline.total or not timeline.intervals(stage.name):
        return ""
    share = f"{timeline.took(stage.name) / timeline.total:.0%} of run time"
    return f"{share} (critical path)" if stage.name in timeline.critical else share


def _where(last: AttemptRecord | None) -> str:
    if last is None:
        return ""
    slots = ", ".join(str(slot) for slot in last.slots)
    slots += " (no GPU)" if slots and not last.gpus else ""
    process = "" if last.pid is None else f"process {last.pid}"
    elsewhere = "" if last.host in ("", _here()) else f"host {last.host}"
    return ", ".join(part for part in (elsewhere, slots, process) if part)


@cache
def _here() -> str:
    return settings.host()
