"""The detail tabs of a stage besides its overview: parameters, outputs and events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby

from trainui.domain.records import Event, RunRecord, StageRecord
from trainui.domain.states import Status
from trainui.formatting import quantity, size
from trainui.pipeline.substitution.masking import mask
from trainui.text import harmless
from trainui.tui.data.run_page import StageFile, StageFiles
from trainui.tui.render.numbers import clock_time, state_style
from trainui.tui.render.styled_text import Row, Segment, fit, fit_middle, labelled, text_rows, wrap

LEAST_NAME, MOST_NAME = 8, 24
"""Least and most width of a parameter's name, in characters."""

TITLES = {"output": "outputs", "checkpoint": "checkpoints", "": "other files"}
"""Headings of the files by role."""

_STATES = frozenset(str(status) for status in Status)


def params_rows(
    run: RunRecord, stage: StageRecord, width: int, own: Mapping[str, str] | None = None
) -> list[Row]:
    """Return a stage's parameters; `own` has those of the run with other values in this member."""
    own = own or {}
    definition = stage.definition
    rows: list[Row] = []
    for title, values in (
        ("of this sweep member", {**definition.member_values, **own}),
        ("of the task", definition.params or {}),
        ("of the run", {name: run.params[name] for name in run.params if name not in own}),
        ("environment variables of the stage", definition.env),
    ):
        if values:
            rows += [*([()] if rows else []), *_table(title, mask(values), width)]
    return rows or [(Segment("no parameters", "dim"),)]


def _table(title: str, values: Mapping[str, object], width: int) -> list[Row]:
    shown = [(harmless(name), value) for name, value in values.items()]
    cells = min(max(LEAST_NAME, *(len(name) for name, _ in shown)), MOST_NAME)
    rows: list[Row] = [(Segment(title, "dim"),)]
    for name, value in shown:
        text = value if isinstance(value, str) else json.dumps(value)
        pieces = wrap(harmless(text), max(width - cells - 2, 10))
        label = Segment(fit(fit_middle(name, cells), cells + 2), "strong")
        rows += labelled(label, ((Segment(piece),) for piece in pieces))
    return rows


def files_rows(found: StageFiles | None, width: int, *, over: bool = False) -> list[Row]:
    """Return the files of a stage with sizes and times, declared ones first."""
    if found is None:
        return []
    rows: list[Row] = []
    mark, word, style = ("✗ ", "  missing", "bad") if over else ("○ ", "  not written yet", "dim")
    for name in found.missing:
        shown = fit_middle(harmless(name), max(width - len(mark + word) - 1, 8))
        rows.append((Segment(mark, style), Segment(shown), Segment(word, style)))
    for role, files in groupby(found.files, key=lambda file: file.role):
        rows += [*([()] if rows else []), (Segment(TITLES[role], "dim"),)]
        rows += [_file_row(file, width) for file in files]
    if found.cut:
        rows.append((Segment("… and more", "dim"),))
    elif found.files:
        total = size(sum(file.size for file in found.files))
        rows += [(), (Segment(f"{quantity(len(found.files), 'file')}, {total}", "dim"),)]
    foot = [f"in {harmless(found.directory)}"]
    if found.attempt is not None:
        none = "" if rows else "no file was "
        foot.insert(0, f"{none}last written by attempt {found.attempt}")
    elif not rows:
        rows.append((Segment("no files" if over else "no files yet", "dim"),))
    rows += [(), *text_rows("\n".join(foot), width, "dim")]
    return rows


def _file_row(file: StageFile, width: int) -> Row:
    mark = {"output": Segment("✓ ", "good"), "checkpoint": Segment("◆ ", "accent")}
    room = max(width - 2 - 10 - 13, 8)
    return (
        mark.get(file.role, Segment("  ")),
        Segment(fit(fit_middle(harmless(file.path), room), room)),
        Segment(fit(size(file.size), 10, right=True)),
        Segment(fit(clock_time(file.changed_at), 13, right=True), "dim"),
    )


def events_rows(events: Sequence[Event] | None, width: int) -> list[Row]:
    """Return the events of a stage and its run, the newest first."""
    if events is None:
        return []
    rows: list[Row] = []
    for event in reversed(events):
        style = state_style(Status(event.kind)) if event.kind in _STATES else ""
        pieces = wrap(harmless(event.text), max(width - 13, 10))
        moment = Segment(f"{clock_time(event.time):<13}", "dim")
        rows += labelled(moment, ((Segment(piece, style),) for piece in pieces))
    return rows or [(Segment("no events yet", "dim"),)]
