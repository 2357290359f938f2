"""Formats a resume plan as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainui import text
from trainui.cli.runs import resume_file
from trainui.control import resume_preview
from trainui.pipeline.rules.resume_plan import PlannedStage


def as_json(planned: Sequence[PlannedStage], diff: str | None) -> dict[str, Any]:
    """Return a plan as `--json` prints it."""
    stages = [
        {
            "name": one.name,
            "action": str(one.action),
            "reason": one.reason,
            "checkpoint": one.checkpoint,
            "step": one.step,
            "seconds": one.seconds,
            "gpu_seconds_saved": one.gpu_seconds_saved,
        }
        for one in planned
    ]
    return {"stages": stages, "diff": diff}


def lines(planned: Sequence[PlannedStage]) -> list[str]:
    """Return a plan as text."""
    header = ("STAGE", "ACTION", "TIME", "WHY")
    shown = text.table([header, *map(_row, planned)], right=[2])
    totals = (resume_preview.summary(planned), resume_preview.saved(planned))
    return [*shown, "", *filter(None, totals)]


def with_diff(shown: Sequence[str], diff: str | None, *, coloured: bool) -> list[str]:
    """Return a plan as text, followed by the diff of the file."""
    if not diff:
        return list(shown)
    return [*shown, "", *resume_file.diff_lines(diff, coloured=coloured)]


def _row(one: PlannedStage) -> tuple[str, ...]:
    return one.name, str(one.action), resume_preview.duration(one), resume_preview.explanation(one)
