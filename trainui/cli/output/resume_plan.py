"""Formats a resume plan as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainui import formatting, text
from trainui.cli.runs import resume_file
from trainui.pipeline.rules.resume_plan import Action, PlannedStage


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
    return [*shown, "", *text_of_sums(planned)]


def with_diff(shown: Sequence[str], diff: str | None, *, coloured: bool) -> list[str]:
    """Return a plan as text, followed by the diff of the file."""
    if not diff:
        return list(shown)
    return [*shown, "", *resume_file.diff_lines(diff, coloured=coloured)]


def text_of_sums(planned: Sequence[PlannedStage]) -> list[str]:
    """Return the totals of a plan, as lines."""
    count = {action: sum(one.action == action for one in planned) for action in Action}
    parts = [
        f"{count[Action.RUN]} to run" if count[Action.RUN] else "",
        f"{count[Action.CONTINUE]} to continue" if count[Action.CONTINUE] else "",
        f"{count[Action.SKIP]} skipped" if count[Action.SKIP] else "",
    ]
    shown = [", ".join(part for part in parts if part)]
    saved = sum(one.gpu_seconds_saved for one in planned)
    if saved:
        shown.append(f"GPU time saved: {formatting.duration(saved)}")
    return shown


def _row(one: PlannedStage) -> tuple[str, ...]:
    return one.name, str(one.action), _time(one), why(one)


def _time(one: PlannedStage) -> str:
    if one.seconds is None:
        return ""
    duration = formatting.duration(one.seconds)
    return duration if one.action == Action.SKIP else f"~{duration}"


def why(one: PlannedStage) -> str:
    """Return the reason for an action, and the checkpoint that it continues from."""
    if one.checkpoint is None:
        return f"{one.reason}; in a new directory" if one.fresh else one.reason
    step = "" if one.step is None else f" at step {one.step}"
    return f"{one.reason}; from {Path(one.checkpoint).name}{step}"
