"""A stage, or a matrix of stages, as Markdown, for an issue or a chat."""

from __future__ import annotations

from collections.abc import Sequence

from trainui import clock
from trainui.domain.records import RunRecord, StageRecord
from trainui.text import harmless, state
from trainui.tui.curve_data import CurveData
from trainui.tui.figures import elapsed, number, step
from trainui.tui.group_rows import GroupRows
from trainui.tui.overview import command_text
from trainui.tui.snapshots import Group
from trainui.tui.spans import joined

WIDTH = 100
"""Characters of a table."""

LOG_LINES = 20
"""Lines of a failed stage's log that are copied."""


def stage_report(
    run: RunRecord, stage: StageRecord, curves: Sequence[CurveData], log: Sequence[str]
) -> str:
    """Return what there is to say of a stage; of one that has an error, its log's end too."""
    spent = elapsed(stage.started_at, stage.completed_at, clock.now())
    lines = [
        f"### {harmless(run.name)} / {harmless(stage.name)}: {state(stage.status)}",
        "",
        f"- run `{run.id}`, attempt {stage.attempt}, {spent or 'not started'}",
    ]
    if stage.reason:
        lines.append(f"- {harmless(stage.reason)}")
    if command := command_text(run, stage):
        lines.append(f"- `{harmless(command)}`")
    lines.append(f"- `{harmless(stage.directory)}`")
    if curves:
        lines += ["", "| metric | last | step | min | max |", "|---|---|---|---|---|"]
        lines += [_curve_line(curve) for curve in curves]
    if stage.error and log:
        lines += ["", "```", *log[-LOG_LINES:], "```"]
    return "\n".join(lines) + "\n"


def group_report(run: RunRecord, members: Sequence[StageRecord], group: Group | None) -> str:
    """Return the members of a matrix, the best first, as far as that can be told."""
    name = f"{members[0].definition.group} ×{len(members)}"
    rows = GroupRows(members, group, now=clock.now, width=WIDTH)
    lines = [f"### {harmless(run.name)} / {harmless(name)}", "", f"run `{run.id}`", ""]
    return "\n".join([*lines, "```", joined(rows), "```"]) + "\n"


def _curve_line(curve: CurveData) -> str:
    figures = (number(curve.last), step(curve.last_step), number(curve.minimum))
    return f"| {curve.name} | {' | '.join(figures)} | {number(curve.maximum)} |"
