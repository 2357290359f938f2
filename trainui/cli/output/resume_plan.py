"""Formats a resume plan as text and as JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from trainui import formatting, text
from trainui.cli.output import printing
from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.resume import preview

_COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}
_PLAIN = "\x1b[0m"


def as_json(planned: Sequence[PlannedStage], diff: str | None) -> dict[str, Any]:
    """Return a plan as `--json` prints it."""
    stages = [{name: getattr(one, name) for name in _FIELDS} for one in planned]
    return {"stages": stages, "diff": diff}


_MOST_ALIKE = 6
"""Number of members of a sweep with the same action and reason that have a row each."""

_FIELDS = ("name", "action", "reason", "checkpoint", "step", "seconds", "gpu_seconds_saved")


def lines(planned: Sequence[PlannedStage]) -> list[str]:
    """Return a plan as text; many members of a sweep with the same action and reason are a row."""
    header = ("STAGE", "ACTION", "TIME", "WHY")
    shown = text.table([header, *_rows(planned)], right=[2])
    words = (preview.summary, preview.saved, preview.waiting)
    return [*shown, "", *filter(None, (word(planned) for word in words))]


def diff_lines(diff: str | None, stream: TextIO) -> list[str]:
    """Return the lines of a unified diff, escaped, and coloured if the stream shows colours."""
    lines = [text.harmless(line) for line in (diff or "").splitlines()]
    if not stream.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return lines
    return [
        printing.Coloured(f"{_COLOURS[line[0]]}{line}{_PLAIN}") if line[:1] in _COLOURS else line
        for line in lines
    ]


def _rows(planned: Sequence[PlannedStage]) -> Iterator[tuple[str, ...]]:
    alike: dict[tuple[str, str, str], list[PlannedStage]] = {}
    for one in planned:  # two stages have the same name up to the bracket in a sweep only
        key = one.name.partition("[")[0], str(one.action), _kind(one)
        alike.setdefault(key, []).append(one)
    for (_, action, why), stages in alike.items():
        if len(stages) > _MOST_ALIKE:
            yield formatting.first([one.name for one in stages]), action, "", why
        else:
            yield from map(_row, stages)


def _kind(one: PlannedStage) -> str:
    """Return the reason for an action; without its details for a stage that is skipped."""
    reason = preview.explanation(one)
    return reason.partition(": ")[0] if one.action == Action.SKIP else reason


def _row(one: PlannedStage) -> tuple[str, ...]:
    return one.name, str(one.action), preview.duration(one), preview.explanation(one)
