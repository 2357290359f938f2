"""The overview of a stage as lines: its state and reason, its error, its attempts, its command."""

from __future__ import annotations

import json
import re
import shlex
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING

from trainui import clock, formatting
from trainui.domain.records import AttemptRecord, RunRecord, StageRecord
from trainui.domain.states import DONE, UNFINISHED, Status
from trainui.pipeline.substitution.masking import mask
from trainui.store.read.run_json import shown_command
from trainui.text import STALLED, harmless, state
from trainui.tui.data.run_page import LogProgress, RunPage, StageDetail, as_attempt
from trainui.tui.render.numbers import age, clock_time, elapsed, number, state_style
from trainui.tui.render.styled_text import Row, Segment, packed, wrap
from trainui.tui.run.details.fields import (
    MOST_LINES,
    UNFOLDED_LINES,
    field_rows,
    fields_rows,
    start_of,
)
from trainui.tui.run.details.overview_folded import FOLDED, UNFOLDED, details_rows

if TYPE_CHECKING:
    from trainui.tui.data.eta import Eta
    from trainui.tui.graph.timeline import Timeline

WHOLE = "d shows, C copies all of it"
"""The end of a command that is too long."""


MOST_LINES_OF_FILES = 12
"""A remark on checkpoints ends with what to do, and contains a path."""


@dataclass(frozen=True, slots=True)
class DetailsSubject:
    """The data that the detail tabs show."""

    page: RunPage
    stage: StageRecord
    attempts: Sequence[AttemptRecord]
    """The stage's attempts up to the one shown, the first one first."""
    detail: StageDetail
    timeline: Timeline
    members: Sequence[StageRecord] = ()
    """All members of a folded sweep, the stage among them; empty: not folded."""


def overview_rows(of: DetailsSubject, now: int, width: int, *, folded: bool = False) -> list[Row]:
    """Return what a researcher asks first; `folded`: one line stands in place of the details."""
    page, attempts, detail = of.page, of.attempts, of.detail
    stage, count = as_attempt(of.stage, attempts), len(page.attempts.get(of.stage.id, ()))
    by_name = {one.name: one for one in page.stages}
    ending = page.eta.stages.get(stage.name) if page.eta else None
    last = attempts[-1] if attempts else None
    is_newest = count <= stage.attempt
    if detail.filled is not None:
        stage = stage._replace(definition=detail.filled)
    rows = packed(_state_row(stage, last, now, ending, count), width)
    fields = [
        ("why", why(stage, by_name), state_style(stage.status)),
        *_activity_facts(of, stage, now, last if ending is None else None, is_newest),
    ]
    rows += fields_rows(fields, width)
    is_killed = last is not None and last.signal in OF_OTHERS
    rows += error_rows(stage, width, is_killed=is_killed)
    params = mask({**stage.definition.member_values, **stage.definition.params})
    summary = (
        (name, number(value) if isinstance(value, float) else str(value))
        for name, value in sorted(detail.summary.items())
    )
    rows += field_rows(
        "result", "" if stage.result is None else json.dumps(stage.result), "", width
    )
    files = detail.checkpoint if is_newest else ""
    rows += field_rows("files", files, "warn", width, most=MOST_LINES_OF_FILES)
    fields = [
        ("code", detail.code_change or (last.code_change if last else None) or "", "warn"),
        ("params", _pairs((name, as_text(value)) for name, value in params.items()), ""),
        ("summary", _pairs(summary), ""),
    ]
    rows += fields_rows(fields, width)
    most = MOST_LINES if folded else UNFOLDED_LINES
    rows += field_rows("command", command_text(page.run, stage), "", width, WHOLE, most)
    rows += field_rows("results", detail.unknown_results, "dim", width)
    rows += _earlier_rows(attempts, width)
    if folded:
        return [*rows, (), FOLDED]
    shown = of.timeline if is_newest else None
    return [*rows, (), UNFOLDED, *details_rows(stage, last, by_name, detail, shown, width)]


def _activity_facts(
    of: DetailsSubject,
    stage: StageRecord,
    now: int,
    unknown_end: AttemptRecord | None,
    is_newest: bool,
) -> Iterator[tuple[str, str, str]]:
    """Yield NaN values, alerts, the last output and checkpoint, headline metric and progress.

    `unknown_end` is the last attempt, if earlier runs do not say when it ends; the end of a stalled
    one cannot be estimated. If no checkpoint of an earlier attempt is left, it may have had some,
    and an external run may have written more than what is read of it.
    """
    if (activity := of.detail.activity) is None:
        return
    yield "values", activity.nonfinite, "bad"
    yield "alert", activity.alerts, "bad"
    none = "none" if stage.completed_at else "none yet" if stage.started_at else ""
    none = "" if of.page.run.is_external else none
    yield "output", _age(activity.output_at, now) or none, ""
    if stage.definition.checkpoint is None and none:
        none = "none declared"
    elif not is_newest:
        none = ""
    checkpoint = f"{activity.checkpoint}, {_age(activity.checkpoint_at, now)}"
    yield "checkpoint", checkpoint if activity.checkpoint else none, ""
    yield "metric", activity.metric, ""
    unknown = None if stage.stalled or stage.lost_at is not None else unknown_end
    yield "progress", _progress_text(activity.progress, stage, unknown, now), ""


def _age(moment: int | None, now: int) -> str:
    return "" if moment is None else age(moment, now)


def _progress_text(
    progress: LogProgress | None, stage: StageRecord, unknown_end: AttemptRecord | None, now: int
) -> str:
    """Return e.g. `epoch 27/30, ~2m 5s to go`.

    What an attempt continues from took time, too, so that of the attempts before counts.
    """
    if progress is None:
        return ""
    shown = f"{progress.unit} {progress.done:,}/{progress.total:,}"
    if unknown_end is None or unknown_end.started_at is None or not progress.part:
        return shown
    spent = (now - unknown_end.started_at) / clock.SECOND
    if unknown_end.checkpoint is not None:
        spent += stage.earlier / clock.SECOND
    if not progress.covers(spent):
        return shown
    return f"{shown}, ~{formatting.duration(spent / progress.part * (1 - progress.part))} to go"


def why(stage: StageRecord, by_name: Mapping[str, StageRecord]) -> str:
    """Return the reason for a stage's state; empty if the state says enough."""
    if stage.status == Status.PENDING:
        known = [by_name[name] for name in stage.depends_on if name in by_name]
        names = start_of((one.name for one in known if one.status in UNFINISHED), ", ")
        return f"waits for {names}" if names else ""
    if stage.status == Status.QUEUED:
        is_delayed = (stage.not_before or 0) > clock.now()
        later = f"not before {clock_time(stage.not_before)}" if is_delayed else ""
        return ", ".join(filter(None, (stage.reason or "waits for a slot", later)))
    reason = None if stage.reason == stage.status else stage.reason
    return ", ".join(filter(None, (STALLED if stage.stalled and not stage.lost_at else "", reason)))


def _state_row(
    stage: StageRecord, last: AttemptRecord | None, now: int, ending: Eta | None, of: int
) -> Row:
    """Return the state, its duration, the exit code or signal, and the attempt's number."""
    is_lost = stage.lost_at is not None
    ticks = stage.status == Status.RUNNING and not is_lost
    spent = elapsed(stage.worked_until(now), ticks=ticks)
    word = "for" if stage.status == Status.RUNNING else "after"
    timed = last is not None and spent and stage.status not in (Status.PENDING, Status.QUEUED)
    end = ""
    if last is not None and last.status not in UNFINISHED and stage.status not in DONE:
        end = "" if last.exit_code is None else f"  exit code {last.exit_code}"
        end = end if last.signal is None else f"  signal {last.signal}"
    return (
        Segment(
            state(stage.status, is_lost=is_lost), "warn" if is_lost else state_style(stage.status)
        ),
        Segment(f" {word} {spent}" if timed else ""),
        Segment(f", {ending.words(now)} to go" if timed and ending and not stage.stalled else ""),
        Segment("  stalled" if stage.stalled and not is_lost else "", "warn"),
        Segment(end if stage.status not in UNFINISHED else "", "bad"),
        Segment(f"  attempt {stage.attempt}" if stage.attempt else "", "dim"),
        Segment(f" of {of}" if of > 1 else "", "dim" if of == stage.attempt else "warn"),
    )


def command_text(run: RunRecord, stage: StageRecord) -> str:
    """Return a stage's command with secrets masked, in the lines in which it was written."""
    known = (run.external or {}).get("command")  # that of an adopted process
    command = shown_command(run.params, stage.definition) or known or ""
    if not isinstance(command, str):
        command = shlex.join(command).replace("'${python}'", "${python}")
    return dedent(command).strip().replace(f"{run.directory}/", "${run_dir}/")


def as_text(value: object) -> str:
    """Return a parameter's value as text: a string as it is, others as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _pairs(values: Iterable[tuple[str, str]]) -> str:
    return start_of((f"{name}={value}" for name, value in values), "  ")


def _earlier_rows(attempts: Sequence[AttemptRecord], width: int) -> list[Row]:
    """Return earlier attempts: the first line of an error, and the log's last if it says more."""
    rows: list[Row] = []
    for attempt in reversed(attempts[:-1]):
        spent = elapsed((attempt.completed_at or 0) - (attempt.started_at or 0))
        error = attempt.error or ""
        first, last = error.partition("\n")[0], next(reversed(error_lines(error)), "").strip()
        more = f"; last line: {last}" if last and last not in first else ""
        text = f"{attempt.number} {state(attempt.status)} after {spent}  {first}{more}"
        rows += field_rows("earlier" if not rows else "", text, "dim", width)
    if rows:
        words = "the key , shows the previous attempt: its curves, files, events and log"
        rows += field_rows(" ", words, "dim", width)
    return rows


ERROR_LINES, OUTPUT_LINES = 20, 3
"""The most lines of an error, and of the output before another process's signal: no error."""

OF_OTHERS = (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)
"""Signals that other processes send; those of a crash are sent by the process itself."""

TRACEBACK = "Traceback (most recent call last):"

_PROGRESS_BAR = re.compile(r"\d+%\|.*\||\b\d+/\d+ \[.*\]|\b\d+(\.\d+)? ?(it|s|batch|step)/(it|s)\b")


def error_lines(error: str) -> list[str]:
    """Return the lines of an error from its last traceback on, without progress bars."""
    lines = error.splitlines()
    starts = [at for at, line in enumerate(lines) if line.strip() == TRACEBACK]
    if starts:
        return lines[starts[-1] :]
    return [line for line in lines[1:] if line and not _PROGRESS_BAR.search(line)]


def error_rows(stage: StageRecord, width: int, *, is_killed: bool = False) -> list[Row]:
    """Return the lines of an error that has more than what `why` shows.

    A process that another one killed has printed no error: only its last lines are shown.
    """
    lines = error_lines(stage.error or "")
    if not lines or (len(lines) == 1 and lines[0].strip() in (stage.reason or "")):
        return []
    label, style = "error", "bad"
    if is_killed and lines[0].strip() != TRACEBACK:
        label, style, lines = "last output", "", lines[-OUTPUT_LINES:]
    shown: list[str] = []
    more = len(lines)
    while more and len(shown) < ERROR_LINES:
        line = harmless(lines[-more].expandtabs(4))
        shown += wrap(line, width, ERROR_LINES - len(shown))
        more -= 1
    rows: list[Row] = [(Segment(label, "dim"),)]
    rows += [(Segment(line, style),) for line in shown]
    if more:
        rows.append((Segment(f"… {more} more lines in the log", "dim"),))
    return [*rows, ()]
