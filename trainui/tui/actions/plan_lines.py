"""The lines of a resume plan: each stage with its action, duration and reason, and the edits."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.resume import preview
from trainui.text import harmless
from trainui.tui.render.styled_text import Row, Segment, fit, text_rows, wrap
from trainui.tui.widgets.list_view import Entry

_SYMBOLS = {Action.SKIP: "–", Action.RUN: "▶", Action.CONTINUE: "↻"}
_STYLES = {Action.SKIP: "dim", Action.RUN: "accent", Action.CONTINUE: "good"}
_DIFF_STYLES = {"+": "good", "-": "bad", "@": "accent"}

TIME, LEAST_ROOM = 9, 44
"""Widths in cells of the durations, and the least of long reasons, which else have own lines."""


def plan_lines(plan: Sequence[PlannedStage], width: int) -> list[Entry[str]]:
    """Return the plan as lines, with the reasons wrapped; each stage's first one has its name."""
    longest = max((len(harmless(one.name)) for one in plan), default=0)
    beside = width - 13 - TIME - 4
    reasons = [harmless(preview.explanation(one)) for one in plan]
    reason = max(map(cell_len, reasons), default=0)
    inline = beside - max(longest, 8) > min(reason, LEAST_ROOM)
    name = max(longest, 8) if inline else max(beside, 10)
    at = 13 + name + TIME + 4 if inline else 6
    heading = f"   {'':<10}{fit('STAGE', name)}  {fit('TIME', TIME, right=True)}"
    lines: list[Entry[str]] = [Entry((Segment(heading + "  WHY" * inline, "dim"),))]
    for one, words in zip(plan, reasons, strict=True):
        dim = "dim" if one.action == Action.SKIP else ""
        label, pieces = harmless(one.name), wrap(words, max(width - at - 1, 10))
        if not inline and cell_len(words) <= name - longest - 2:  # beside the name there is room
            label, pieces = f"{fit(label, longest)}  {words}", []
        first = [
            Segment(f" {_SYMBOLS[one.action]} {one.action:<10}", _STYLES[one.action]),
            Segment(fit(label, name), dim),
            Segment(f"  {fit(preview.duration(one), TIME, right=True)}  ", "dim"),
        ]
        if inline:
            first.append(Segment(pieces.pop(0), dim))
        lines.append(Entry(tuple(first), one.name))
        lines += [Entry((Segment(" " * at + piece, dim),)) for piece in pieces]
    return lines


def diff_rows(diff: str, width: int) -> list[Row]:
    """Return a unified diff as coloured lines, long ones wrapped."""
    lines = ((line, _DIFF_STYLES.get(line[:1], "dim")) for line in diff.splitlines())
    room = max(width - 3, 10)
    return [row for line, style in lines for row in text_rows(line or " ", room, style, " ")]
