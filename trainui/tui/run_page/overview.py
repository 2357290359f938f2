"""The texts about a run and a stage: the page's header; state, error, attempts and command."""

from __future__ import annotations

import json
import re
import shlex
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from trainui import clock, formatting, settings
from trainui.errors import UsageError
from trainui.formatting import short_id
from trainui.model.definition import StageDefinition
from trainui.model.records import AttemptRecord, RunRecord, StageRecord
from trainui.model.states import DONE, UNFINISHED, WAITING, Status
from trainui.pipeline import filling, template
from trainui.pipeline.masking import mask, mask_command
from trainui.pipeline.rules import fingerprint
from trainui.record import dataclass
from trainui.store.read.time_worked import if_known
from trainui.text import STALLED, SYMBOLS, harmless, state, state_word, verdict
from trainui.tui.numbers import age, clock_time, elapsed, number, progress_bar, state_style
from trainui.tui.snapshot import RunPage, StageDetail, as_attempt
from trainui.tui.styled_text import (
    Row,
    Segment,
    fit_middle,
    labelled,
    packed,
    shared_out,
    width_of,
    wrap,
)

if TYPE_CHECKING:
    from trainui.tui.app_interface import Target
    from trainui.tui.graph_view import Timeline
    from trainui.tui.snapshot import Eta

LABEL = 11
"""Width of the labels at the left, in characters."""

MOST_LINES, UNFOLDED_LINES = 4, 200
"""The most lines of a field, and of a command where the details are unfolded."""

MOST_TEXT = 8000
"""The most characters of such a text that are processed; more than fit into its lines."""

FOLDED: Row = (Segment("▸ details", "key"), Segment("  d shows times, ids and paths", "dim"))
"""The line in place of the folded details."""

UNFOLDED: Row = (Segment("▾ details", "key"), Segment("  d hides them", "dim"))

WHOLE = "(d shows it all, C copies it)"
"""The end of a command that is too long."""

MOST_LINES_OF_FILES = 12
"""A remark on checkpoints ends with what to do, and contains a path."""

ERROR_LINES, OUTPUT_LINES = 20, 3
"""The most lines of an error, and of the output before another process's signal: no error."""

OF_OTHERS = (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)
"""Signals that other processes send; those of a crash are sent by the process itself."""

TRACEBACK = "Traceback (most recent call last):"

_PROGRESS_BAR = re.compile(r"\d+%\|.*\||\b\d+/\d+ \[.*\]|\b\d+(\.\d+)? ?(it|s|batch|step)/(it|s)\b")

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

INDENT = 2
"""Spaces before what does not fit beside a state."""


def field_rows(
    label: str, text: str, style: str, width: int, hint: str = "", most: int = MOST_LINES
) -> list[Row]:
    """Return the lines of a field, none without text; the hint ends a text that is too long."""
    if not text:
        return []
    room = max(width - LABEL, 10)
    lines = text[:MOST_TEXT].splitlines()[: most + 1]
    pieces = [piece for line in lines for piece in wrap(harmless(line), room, most + 1)]
    rows: list[Row] = [(Segment(piece, style),) for piece in pieces]
    if len(pieces) > most:
        end = f"  {hint}".rstrip()[: room - 2]
        last = f"{pieces[most - 1][: room - len(end) - 1]}…"
        rows = [*rows[: most - 1], (Segment(last, style), Segment(end, "dim"))]
    return labelled(Segment(f"{label:<{LABEL}}", "dim"), rows)


def fields_rows(fields: Iterable[tuple[str, str, str]], width: int) -> list[Row]:
    """Return the lines of fields: of each one its label, text and style."""
    return [row for field in fields for row in field_rows(*field, width)]


def start_of(parts: Iterable[str], separator: str) -> str:
    """Join parts up to the displayed length: a stage may depend on thousands."""
    taken: list[str] = []
    length = 0
    for part in parts:
        taken.append(part)
        length += len(part) + len(separator)
        if length > MOST_TEXT:
            break
    return separator.join(taken)


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
    """Return the stage's share of the run's time, and if it is in the longest chain."""
    if timeline is None or not timeline.total or not timeline.intervals(stage.name):
        return ""
    share = f"{timeline.took(stage.name) / timeline.total:.0%} of run time"
    return f"{share} (in the longest chain)" if stage.name in timeline.chain else share


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


def overview_rows(
    of: DetailsSubject, now: int, width: int, *, folded: bool = False, height: int = 0
) -> list[Row]:
    """Return what a researcher asks first; `folded`: one line stands in place of the details.

    The command is cut only where it does not fit the height.
    """
    page, attempts, detail = of.page, of.attempts, of.detail
    stage, count = as_attempt(of.stage, attempts), len(page.attempts.get(of.stage.id, ()))
    by_name = {one.name: one for one in page.stages}
    ending = page.eta.stages.get(stage.name) if page.eta else None
    last = attempts[-1] if attempts else None
    is_newest = count <= stage.attempt
    if detail.filled is not None:
        stage = stage._replace(definition=detail.filled)
    rows = packed(_state_row(page.run, stage, last, now, ending, count), width, INDENT)
    fields = [
        ("why", why(stage, by_name), _why_style(stage)),
        ("edit", _edit_words(page.run, of.stage, last, detail) if is_newest else "", "warn"),
        ("note", f"{verdict(page.run.verdict)} {page.run.note or ''}".strip(), "key"),
        ("in all" if is_newest else "by then", _total_time(stage, attempts, now), ""),
        *_activity_facts(of, stage, now, is_newest),
    ]
    rows += fields_rows(fields, width)
    rows += cause_rows(detail.cause, width, said=stage.reason or "")
    is_killed = last is not None and last.signal in OF_OTHERS
    evidence = (detail.cause or {}).get("evidence", "")
    rows += error_rows(stage, width, is_killed=is_killed, evidence=evidence)
    own = {**stage.definition.member_values, **detail.own_parameters}
    params = mask({**own, **stage.definition.params})
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
    after = [
        *field_rows("results", detail.unknown_results, "dim", width),
        *_earlier_rows(attempts, width),
        (),
        FOLDED if folded else UNFOLDED,
    ]
    spare = height - len(rows) - len(after)
    most = max(MOST_LINES, spare) if folded else UNFOLDED_LINES
    command = command_text(page.run, stage, last, whole=not folded)
    rows += field_rows("command", command, "", width, WHOLE, most) + after
    if folded:
        return rows
    shown = of.timeline if is_newest else None
    return [*rows, *details_rows(stage, last, by_name, detail, shown, width)]


def _edit_words(
    run: RunRecord, stage: StageRecord, last: AttemptRecord | None, detail: StageDetail
) -> str:
    """Return that what the page shows is of the command before an edit; empty if it is not."""
    if detail.has_waiting_edit:
        return "pending: it runs the command from before the edit; its next attempt uses it"
    if last is None or last.definition is None:
        return ""
    if stage.status in WAITING:
        return (
            f"waits: numbers, files and log are of attempt {last.number}, with the earlier command"
        )
    edits = fingerprint.changes(last.definition, stage.definition, run.params)
    return f"since it ran: {'; '.join(edits)}; its next attempt uses that" if edits else ""


def cause_rows(cause: Mapping[str, Any] | None, width: int, said: str = "") -> list[Row]:
    """Return why an attempt failed: what happened, the line that shows it, where, what to do.

    A line that was `said` already, as the stage's reason, is left out.
    """
    if cause is None:
        return []
    edit = cause["edit"] or {}
    has_place, is_prepared = cause["file"] is not None, bool(edit.get("params"))
    fields = (
        ("cause", cause["text"], "strong"),
        ("shown by", "" if (cause["evidence"] or "") in said else cause["evidence"], ""),
        ("in", f"{cause['file']}:{cause['line']}" if has_place else "", "accent"),
        ("what to do", cause["fix"], ""),
        ("prepared", f"{edit['note']}  (P opens the edit)" if is_prepared else "", "good"),
    )
    return fields_rows(fields, width)


def _activity_facts(
    of: DetailsSubject,
    stage: StageRecord,
    now: int,
    is_newest: bool,
) -> Iterator[tuple[str, str, str]]:
    """Yield NaN values, alerts, the last output and checkpoint, headline metric and progress.

    If no checkpoint of an earlier attempt is left, it may have had some,
    and an external run may have written more than what is read of it.
    """
    if (activity := of.detail.activity) is None:
        return
    yield "values", activity.nonfinite, "bad"
    yield "alert", activity.alerts, "bad"
    none = "none" if stage.completed_at else "none yet" if stage.started_at else ""
    none = "" if of.page.run.is_external else none
    printed = none.replace("none", "nothing printed")
    yield "output", *_silence(stage, _age(activity.output_at, now) or printed)
    if stage.definition.checkpoint is None and none:
        none = "none declared"
    elif not is_newest:
        none = ""
    checkpoint = f"{activity.checkpoint}, {_age(activity.checkpoint_at, now)}"
    yield "checkpoint", checkpoint if activity.checkpoint else none, ""
    yield "metric", activity.metric, ""
    yield "progress", activity.progress.words if activity.progress else "", ""


def _silence(stage: StageRecord, words: str) -> tuple[str, str]:
    """Return the age of the last output and its style: amber from half of the limit on, then red.

    The limit is that of the worker (`execution.stall`).
    """
    if stage.stalls_after is None or stage.lost_at is not None:
        return words, "bad" if stage.stalled else ""
    limit = formatting.duration(stage.stalls_after)
    if stage.stalled:
        return f"{words}, stalled: the limit is {limit}", "bad"
    return f"{words}, stalls after {limit}", "warn"


def _age(moment: int | None, now: int) -> str:
    return "" if moment is None else age(moment, now)


def _why_style(stage: StageRecord) -> str:
    """Return the style of a reason: of a running stage it says what keeps it from working."""
    if stage.hangs:
        return "bad"
    return "warn" if stage.status == Status.RUNNING else state_style(stage.status)


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
    return reason or (STALLED if stage.stalled and not stage.lost_at else "")


def _state_row(
    run: RunRecord,
    stage: StageRecord,
    last: AttemptRecord | None,
    now: int,
    ending: Eta | None,
    of: int,
) -> Row:
    """Return the state, its duration, the exit code or signal, and the attempt's number."""
    is_lost = stage.lost_at is not None
    ticks = stage.status == Status.RUNNING and not is_lost
    micros = stage._replace(earlier=0).worked_until(now)
    spent = elapsed(if_known(micros, external=run.is_external, ticks=ticks), ticks=ticks)
    word = "for" if stage.status == Status.RUNNING else "after"
    timed = last is not None and spent and stage.status not in WAITING
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
        Segment("  stalled" if stage.stalled and not is_lost else "", "bad"),
        Segment(end if stage.status not in UNFINISHED else "", "bad"),
        Segment(f"  attempt {stage.attempt}" if stage.attempt else "", "dim"),
        Segment(f" of {of}" if of > 1 else "", "dim" if of == stage.attempt else "warn"),
    )


def command_text(
    run: RunRecord, stage: StageRecord, last: AttemptRecord | None = None, *, whole: bool = True
) -> str:
    """Return a stage's command as an attempt runs it, in the lines in which it was written.

    Secrets are masked, and variables of the environment keep their names. Unless it is to be
    `whole`, paths in the run's directory are shortened.
    """
    known = (run.external or {}).get("command")  # that of an adopted process
    command = _as_run(run, stage, last) or known or ""
    if not isinstance(command, str):
        command = shlex.join(command)
    text = dedent(command).strip()
    return text if whole else text.replace(f"{run.directory}/", "…/")


def _as_run(
    run: RunRecord, stage: StageRecord, last: AttemptRecord | None
) -> str | Sequence[str] | None:
    """Return the command with what is filled in at an attempt's start, e.g. its checkpoint."""
    definition = stage.definition
    secrets = {**run.params, **definition.params, **definition.env}
    words = (definition.command, definition.resume_args, definition.resume_run)
    command, resume_args, resume_run = (mask_command(one, secrets) for one in words)
    texts = " ".join(" ".join(one) if isinstance(one, tuple) else one or "" for one in words)
    names = {one.key for one in template.variables(texts) if one.kind == "env"}
    bare = StageDefinition(
        stage.name,
        workdir="/",
        command=command,
        resume_args=None if resume_args is None else tuple(resume_args),
        resume_run=resume_run,
    )
    with suppress(UsageError):  # a trial without values
        return filling.start(
            bare,
            python="python",
            attempt=1 if last is None else last.number,
            environ={name: f"${{env.{name}}}" for name in names},
            checkpoint=None if last is None else last.checkpoint,
        ).command
    return command


def as_text(value: object) -> str:
    """Return a parameter's value as text: a string as it is, others as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _pairs(values: Iterable[tuple[str, str]]) -> str:
    return start_of((f"{name}={value}" for name, value in values), "  ")


def _total_time(stage: StageRecord, attempts: Sequence[AttemptRecord], now: int) -> str:
    """Return the time that several attempts worked together, e.g. `1h 12m in 3 attempts`."""
    until = now if stage.lost_at is None else stage.lost_at
    begun = [one for one in attempts if one.started_at is not None]
    spent = sum(max((one.completed_at or until) - (one.started_at or 0), 0) for one in begun)
    return f"{formatting.worked(spent)} in {len(begun)} attempts" if len(begun) > 1 else ""


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


def error_lines(error: str) -> list[str]:
    """Return the lines of an error from its last traceback on, without progress bars."""
    lines = error.splitlines()
    starts = [at for at, line in enumerate(lines) if line.strip() == TRACEBACK]
    if starts:
        return lines[starts[-1] :]
    return [line for line in lines[1:] if line and not _PROGRESS_BAR.search(line)]


def error_rows(
    stage: StageRecord, width: int, *, is_killed: bool = False, evidence: str = ""
) -> list[Row]:
    """Return the lines of an error that has more than what `why` shows.

    A process that another one killed has printed no error: only its last lines are shown, and none
    where a line of evidence says why it was killed.
    """
    lines = error_lines(stage.error or "")
    if not lines or (len(lines) == 1 and lines[0].strip() in (stage.reason or "")):
        return []
    label, style = "error", "bad"
    if is_killed and lines[0].strip() != TRACEBACK:
        if evidence:
            return []
        label, style, lines = "last output", "", lines[-OUTPUT_LINES:]
    shown: list[str] = []
    more = len(lines)
    while more and len(shown) < ERROR_LINES:
        line = harmless(lines[-more].expandtabs(4))
        pointed_at = lines[-more - 1].expandtabs(4) if more < len(lines) else ""
        is_pointer = bool(line.strip()) and not line.strip(" ^~")
        if not is_pointer or max(map(cell_len, (line, pointed_at))) <= width:
            shown += wrap(line, width, ERROR_LINES - len(shown))
        more -= 1
    rows: list[Row] = [(Segment(label, "dim"),)]
    rows += [(Segment(line, style),) for line in shown]
    if more:
        rows.append((Segment(f"… {more} more lines in the log", "dim"),))
    return [*rows, ()]


def name_crumbs(run: Target) -> Row:
    """Return the breadcrumbs with a run's name and short id."""
    return (
        Segment(" trainui ", "title"),
        Segment(" › ", "dim"),
        Segment(harmless(run.name), "strong"),
        Segment(f"  {short_id(run.id)}" if run.id != run.name else "", "dim"),
    )


def crumbs(run: RunRecord, stage: str = "", parent: str = "", width: int = WITH_BAR) -> Row:
    """Return the breadcrumbs, with the stage if the open pane does not name it.

    `parent` is the run that it came from (`--from`): both names share the room of `width`.
    """
    name, (above, _, parent_id) = harmless(run.name), parent.rpartition(" ")
    begin = (Segment(" trainui ", "title"), Segment(" › ", "dim"))
    middle = (
        *((Segment(" › ", "dim"), Segment(stage)) if stage else ()),
        Segment(f"  priority {run.priority:+d}" if run.priority else "", "warn"),
        Segment(f"  {short_id(run.id)}" if run.id != run.name else "", "dim"),
    )
    origin: Row = ()
    if parent:
        room = width - width_of((*begin, *middle, Segment(f"  from  {parent_id}")))
        name, above = shared_out((name, above), max(room, 2))
        origin = (Segment(f"  from {f'{above} {parent_id}'.strip()}", "accent"),)
    return (
        *begin,
        Segment(name, "strong"),
        *middle,
        *origin,
        Segment(f"  {harmless(run.pipeline)}" if run.pipeline != run.name else "", "dim"),
        Segment(f"  submitted {clock_time(run.created_at)}", "dim"),
        Segment(_agent(run), "dim"),
        Segment(f"  {mark}" if (mark := verdict(run.verdict)) else "", "key"),
        Segment(f"  “{harmless(run.note)}”" if run.note else "", "key"),
    )


def _agent(run: RunRecord) -> str:
    """Return that an agent submitted a run, and by what if that is known."""
    if run.started_by is None:
        return ""
    return "  by an agent" if run.started_by == "agent" else f"  by an agent ({run.started_by})"


def heading(page: RunPage, now: int, width: int = WITH_BAR) -> Row:
    """Return the run's state, progress and remaining time, and its stages by state, worst first.

    If some stages are not read yet, states are not counted.
    """
    run, stages = page.run, page.stages
    is_lost, worked = page.lost is not None, page.worked
    spent = worked.until(now if page.lost is None else page.lost.at)
    ticks = worked.ticks and not is_lost
    known = if_known(spent, external=run.is_external, ticks=ticks)
    spent_text = elapsed(known, ticks=ticks)
    style = "warn" if is_lost else state_style(run.status)
    since = f" since {clock_time(run.started_at)}" if run.started_at is not None else ""
    spans = [
        Segment(f" {state(run.status, is_lost=is_lost)}", style),
        Segment(f"  {spent_text}" if since and spent_text else ""),
        Segment(since if width >= WITH_BAR else "", "dim"),
    ]
    if page.more:
        return (*spans, Segment(f"  {len(stages) + page.more} stages", "dim"))
    # as in the list: without those that an edit removed before they ran again
    stages = tuple(one for one in stages if not (one.removed and one.status == Status.SKIPPED))
    counts = Counter(
        (one.status, one.lost_at is not None)
        for one in stages
        if not one.hangs and not one.is_silent
    )
    done = sum(counts[status, False] for status in DONE)
    full, empty = progress_bar(done, len(stages), BAR if width >= WITH_BAR else 0)
    spans += [
        Segment("  " if full or empty else " "),
        Segment(full, state_style(run.status)),
        Segment(empty, "line"),
        Segment(f" {done}/{len(stages)}"),
    ]
    to_go = page.eta.run if page.eta is not None else None
    is_stalled = any(stage.stalled for stage in stages)
    if to_go is not None and run.status in UNFINISHED and not is_stalled:
        spans.append(Segment(f"  {to_go.words(now)} to go"))
    spans += _counted(counts, (Status.FAILED, Status.INTERRUPTED))
    spans += trouble(stages, page.alerts)
    return (*spans, *_counted(counts, OTHERS))


def _counted(counts: Mapping[tuple[Status, bool], int], states: Sequence[Status]) -> Row:
    """Return how many stages are in these states; `counts` is by state and by being lost."""
    return tuple(
        Segment(
            f"  {SYMBOLS[status]} {count} {state_word(status, is_lost=is_lost)}",
            "warn" if is_lost else state_style(status),
        )
        for status in states
        for is_lost in (False, True)
        if (count := counts.get((status, is_lost), 0))
    )


_SILENT = (("stalled", "bad"), ("silent", "warn"))


def trouble(stages: Sequence[StageRecord], alerts: Mapping[str, str]) -> Row:
    """Return the number of stages with a NaN or another alert, and of stalled and silent ones."""
    words = Counter(alerts.values())
    found = [Segment(f"  ! {count} {word}", "bad") for word, count in words.items()]
    counts = {
        "stalled": sum(one.stalled for one in stages),
        "silent": sum(one.is_silent for one in stages),
    }
    found += [
        Segment(f"  ◌ {counts[kind]} {kind}", style) for kind, style in _SILENT if counts[kind]
    ]
    return tuple(found)


def can_resume(stages: Sequence[StageRecord]) -> bool:
    """Return True if a stage ended without completing, so that a resume may have work to do.

    A failed trial of a search is left alone by a resume.
    """
    return any(
        stage.status not in (*UNFINISHED, *DONE, Status.ENDED)
        and (stage.status != Status.FAILED or stage.definition.trial is None)
        for stage in stages
    )
