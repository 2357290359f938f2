"""The commands `logs`, `events`, `digest` and `stacks`: what a stage printed, and what happened.

What has ended is asked before what is new, so that nothing before an end is missed.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainui import clock, formatting, paths, text
from trainui.cli import options, printing
from trainui.control import log_files
from trainui.control.log_files import AttemptLogs, TimedLine
from trainui.errors import AmbiguousError, NotFoundError
from trainui.model.records import AttemptRecord, StageRecord
from trainui.model.states import ENDED
from trainui.record import dataclass
from trainui.store.db import engine, sqlite_file, statements
from trainui.store.read import event_feed, views
from trainui.store.read.event_feed import FeedEntry

if TYPE_CHECKING:
    from trainui.control.boxes import BoxConnection
    from trainui.control.digest_records import Digest

POLL = 0.2
"""Poll interval in seconds for a growing log."""

EVENTS_POLL = 0.1
"""Poll interval in seconds; if nothing changed, a poll reads only one number."""

NEWEST = 50
"""Default number of events when all runs are listed."""


class Stream(StrEnum):
    """A choice of a stage's two logs."""

    OUT = "out"
    ERR = "err"
    BOTH = "both"

    @property
    def names(self) -> tuple[str, ...]:
        """The logs' names in `raw_lines`."""
        return ("out", "err") if self is Stream.BOTH else (self.value,)


@options.command(
    "trainui logs digits train -f",
    "trainui logs digits train -n 50 --stream err",
    "trainui logs digits train --attempt 1 > first.log",
    "trainui logs baseline",
)
def logs(
    run: options.Run,
    stage: Annotated[
        str | None,
        typer.Argument(
            metavar="[STAGE]",
            help="A stage: its name or a unique part of it; a sweep's name means all members "
            "(default: the run's only stage).",
        ),
    ] = None,
    attempt: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of the attempt (default: the last one)."),
    ] = None,
    stream: Annotated[Stream, typer.Option(help="The log to print.")] = Stream.BOTH,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", "-f", help="Print new lines as they appear, until the stage ends."
        ),
    ] = False,
    last: Annotated[
        int | None,
        typer.Option(
            "--lines", "-n", min=0, metavar="LINES", help="Print only the last LINES lines."
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print what a stage wrote to stdout and stderr.

    Into a pipe, the output is unchanged; on a terminal, control characters are escaped. With
    several stages, a heading names the stage of each part.
    """
    stages = options.find_alike(run, stage)
    request = [_LogRequest(one, attempt, stream, last) for one in stages]
    printer = _Printer(stage or stages[0].name, as_json=as_json, several=len(stages) > 1)
    if follow:
        _follow(request, printer)
    else:
        _print(request, printer)


@dataclass(frozen=True, slots=True)
class _LogRequest:
    """A stage and the part of its logs to print."""

    stage: StageRecord
    attempt: int | None
    stream: Stream
    last: int | None

    def logs_of(self, record: AttemptRecord, *, first: bool = True) -> AttemptLogs:
        """Return the logs of an attempt; `-n` applies to the first attempt printed."""
        last = self.last if first else None
        found = log_files.find(record.directory, record.id, record.host)
        return AttemptLogs(found, self.stream.names, last=last)


def _print(requests: Sequence[_LogRequest], printer: _Printer) -> None:
    numbers: list[int | None] = []
    shown: list[dict[str, Any]] = []
    for request in requests:
        with engine.reading() as connection:
            record = _attempt(connection, request.stage, request.attempt)
        numbers.append(None if record is None else record.number)
        if record is None:
            printing.note(_not_started(request.stage))
            continue
        if (problem := log_files.missing_log(record.directory)) is not None:
            printing.note(problem)
            continue
        lines: Iterable[TimedLine] = request.logs_of(record).lines(to_end=True)
        if request.last is not None:
            lines = deque(lines, maxlen=request.last)
        if printer.as_json:
            several = len(requests) > 1
            about = {"stage": request.stage.name, "attempt": record.number} if several else {}
            shown += [{**about, **_as_json(line)} for line in lines]
        else:
            printer.write(request.stage, lines)
    if printer.as_json:
        number = numbers[0] if len(set(numbers)) == 1 else None
        printing.value({"stage": printer.name, "attempt": number, "lines": shown})


def _attempt(
    connection: statements.Connection, stage: StageRecord, number: int | None
) -> AttemptRecord | None:
    """Return the attempt with this number, or the last one; None if the stage has none yet."""
    attempts = views.attempts_of_stage(connection, stage.id)
    if number is None:
        return attempts[-1] if attempts else None
    for attempt in attempts:
        if attempt.number == number:
            return attempt
    raise NotFoundError(f"{stage.name} has no attempt {number}; it has {len(attempts)}")


def _not_started(stage: StageRecord) -> str:
    reason = f": {stage.reason}" if stage.reason else ""
    return f"{stage.name} has not started yet: {stage.status}{reason}"


def _as_json(line: TimedLine) -> dict[str, Any]:
    shown = line.raw.decode("utf-8", errors="replace").rstrip("\n")
    return {"stream": line.stream, "time": clock.to_iso(line.time), "text": shown}


class _Printer:
    """Prints lines of one stage, or of several, with a heading where the stage changes."""

    def __init__(self, name: str, *, as_json: bool, several: bool) -> None:
        self.name = name
        self.as_json = as_json
        self._several = several
        self._stage: str | None = None
        self._line_ended = True
        """True if the last line printed had a line end."""

    def write(self, stage: StageRecord, lines: Iterable[TimedLine]) -> None:
        """Print lines as text."""
        on_terminal, stream = sys.stdout.isatty(), None
        for line in lines:
            self._print_heading(stage)
            if on_terminal:
                shown = line.raw.decode("utf-8", errors="replace").rstrip("\n")
                printing.line(text.as_overwritten(shown))
                continue
            if stream not in (None, line.stream) and not self._line_ended:
                sys.stdout.buffer.write(b"\n")  # start the other log on a new line
            sys.stdout.buffer.write(line.raw)
            stream, self._line_ended = line.stream, line.raw.endswith(b"\n")
        sys.stdout.buffer.flush()

    def _print_heading(self, stage: StageRecord) -> None:
        if not self._several or self._stage == stage.name:
            return
        between = "" if self._stage is None else "\n" if self._line_ended else "\n\n"
        self._stage, self._line_ended = stage.name, True
        sys.stdout.flush()
        heading = f"{between}==> {text.harmless(stage.name)} <==\n"
        sys.stdout.buffer.write(heading.encode(errors="replace"))
        sys.stdout.buffer.flush()


def _follow(requests: Sequence[_LogRequest], printer: _Printer) -> None:
    """Print new lines, attempt after attempt, until every stage has ended."""
    with engine.reading() as connection:
        growing = [(request.stage, _growing(connection, request)) for request in requests]
        database = sqlite_file.Unreplaced()
        while growing:
            database.check()
            for one in list(growing):
                stage, steps = one
                try:
                    record, lines = next(steps)
                except StopIteration:
                    growing.remove(one)
                    continue
                if not printer.as_json:
                    printer.write(stage, lines)
                    continue
                for line in lines:
                    about = {"stage": stage.name, "attempt": record.number if record else None}
                    printing.value_line({**about, **_as_json(line)})
                sys.stdout.flush()
            time.sleep(POLL if growing else 0)


def _growing(
    connection: statements.Connection, request: _LogRequest
) -> Iterator[tuple[AttemptRecord | None, Iterable[TimedLine]]]:
    """Yield at each poll the current attempt and the new lines of its logs."""
    record = _attempt(connection, request.stage, request.attempt)
    logs = None if record is None else request.logs_of(record)
    if record is None:
        printing.note(_not_started(request.stage))
    while True:
        is_over = _is_over(connection, request.stage)
        latest = _attempt(connection, request.stage, request.attempt)
        # read the state before the logs, so that no line before the end is missed
        moved = latest is not None and (record is None or latest.number != record.number)
        done = is_over or moved or (latest is not None and latest.status in ENDED)
        yield record, () if logs is None else logs.lines(to_end=done)
        if moved and latest is not None:
            record, logs = latest, request.logs_of(latest, first=record is None)
        elif is_over or (request.attempt is not None and done):
            return


def _is_over(connection: statements.Connection, stage: StageRecord) -> bool:
    status = views.stage_status(connection, stage.id)
    return status is None or status in ENDED


@options.command(
    "trainui events digits",
    "trainui events -n 100",
    "trainui events -f --json | jq -r 'select(.kind == \"failed\") | .text'",
)
def events(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run: its id, its name (the latest), or 4 or more characters of an id "
            "(default: all of them).",
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", "-f", help="Print new events as they happen; with RUN, until it ends."
        ),
    ] = False,
    most: Annotated[
        int | None,
        typer.Option("--number", "-n", min=0, metavar="N", help="Show only the last N events."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the events of a run, or the last 50 of all runs (all of them with --json).

    With -f --json, each event is one JSON value on one line.
    """
    if run is None and not follow and engine.is_none_yet():
        printing.answer(as_json, {"events": []}, ())
        printing.note("no runs yet; start with `trainui demo`")
        return
    with engine.reading() as connection:
        run_id = None if run is None else views.find_run(connection, run).id
        if most is None and run_id is None and not as_json:
            most = NEWEST
        if follow:
            for found in _growing_events(connection, run_id, most):
                _print_events(found, as_json)
            return
        found = event_feed.entries(connection, run_id=run_id, most=most)
    if as_json:
        printing.value({"events": [_event_as_json(entry) for entry in found]})
    else:
        _print_events(found, as_json)


def _growing_events(
    connection: statements.Connection, run_id: str | None, most: int | None
) -> Iterator[list[FeedEntry]]:
    seen, version = 0, None
    database = sqlite_file.Unreplaced()
    while True:
        database.check()
        # read the state before the events, so that no event before the end is missed
        is_over = run_id is not None and _has_ended(connection, run_id)
        if (now := engine.data_version(connection)) != version:
            version = now
            found = event_feed.entries(connection, run_id=run_id, after=seen, most=most)
            seen, most = (found[-1].number if found else seen), None
            yield found
        if is_over:
            return
        time.sleep(EVENTS_POLL)


def _has_ended(connection: statements.Connection, run_id: str) -> bool:
    run = views.run(connection, run_id)
    return run is None or run.status in ENDED


def _print_events(found: Iterable[FeedEntry], as_json: bool) -> None:
    for entry in found:
        if as_json:
            printing.value_line(_event_as_json(entry))
        else:
            printing.line(_event_line(entry))
    sys.stdout.flush()


def _event_as_json(entry: FeedEntry) -> dict[str, Any]:
    event = entry.event
    return {
        "id": entry.number,
        "time": clock.to_iso(event.time),
        "run": entry.run_id,
        "name": entry.run_name,
        "stage": event.stage,
        "attempt": event.attempt,
        "kind": event.kind,
        "text": event.text,
    }


def _event_line(entry: FeedEntry) -> str:
    when = formatting.local_time(entry.event.time)
    run = f"{entry.run_name} ({formatting.short_id(entry.run_id)})"
    return f"{when}  {run}  {entry.event.text}"


@options.command(
    "trainui digest",
    "trainui digest --since 8h",
    "trainui digest --since 23:30 --markdown > night.md",
    "trainui digest --json | jq -r '.next[].command'",
)
def digest(
    since: Annotated[
        str | None,
        typer.Option(
            metavar="8h|TIME|last",
            help="A duration, a time of day, a time in ISO 8601, or when a screen was last open "
            "(the default; a day where none was).",
        ),
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, whole.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show what happened: what ended, what is wrong, the best values, GPU hours, what to do next.

    What is wrong and what waits is as it is now. GPU hours are lost where an attempt ended badly
    and nothing continued from it, and idle where a GPU was free while a stage waited for one.
    """
    from trainui.control import digest as digests
    from trainui.control import digest_records
    from trainui.tui import run_actions

    now = clock.now()
    begin = digests.since_of(since, now)
    found = run_actions.digest(begin, now)
    if paths.home().boxes.exists():
        found = _with_boxes(found, begin, now)
    if as_json:
        printing.value(found.to_json())
    elif as_markdown:
        printing.exact(*digest_records.markdown(found).rstrip("\n").split("\n"))
    else:
        printing.lines(digest_records.lines(found))


def _with_boxes(own: Digest, begin: int, now: int) -> Digest:
    """Return the digests of here and of the boxes as one; boxes that do not answer are noted."""
    from trainui.control import digest_records
    from trainui.tui import box_wire, run_actions

    def times(connection: BoxConnection) -> list[int]:
        return [one + connection.clock_difference for one in (begin, now)]

    there = {}
    for box, answer in box_wire.call_all(run_actions.digest, times).items():
        if isinstance(answer, str):
            printing.note(f"! {answer}")
        else:
            there[box] = answer
    return digest_records.joined(own, there)


@options.command("trainui stacks digits train", "trainui stacks digits train --json")
def stacks(
    run: options.Run,
    stage: Annotated[
        str | None,
        typer.Argument(
            metavar="[STAGE]",
            help="A stage: its name or a unique part of it (default: the run's only stage).",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show what a stage's processes are doing: their Python stacks, summed in one sentence.

    They are kept as `stacks-N.txt` beside its logs. Python's stacks need py-spy (the extra
    `debug`); without it, and for other programs, the kernel says what each waits in. The processes
    are not stopped. It is done by itself when a stage stalls.
    """
    from trainui.execution.stacks import keep_of_stage

    found = options.find_alike(run, stage)
    if len(found) > 1:
        names = views.shown_names(one.name for one in found)
        raise AmbiguousError(f"{run} has several such stages; name one of them: {names}")
    taken = keep_of_stage(found[0].run_id, found[0].name)
    if as_json:
        kept = None if taken.file is None else str(taken.file)
        printing.value({**taken.found.to_json(), "file": kept})
    else:
        printing.lines(taken.lines)
