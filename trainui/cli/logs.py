"""What a stage printed, at once or as it comes."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from trainui import clock, text
from trainui.cli import options, output, references
from trainui.cli.log_lines import AttemptLogs, LogLine
from trainui.domain.files import Directory
from trainui.domain.records import AttemptRecord, StageRecord
from trainui.domain.states import ENDED
from trainui.errors import NotFoundError
from trainui.store import driver, views

POLL = 0.2
"""Seconds between two looks at a growing log."""


class Stream(StrEnum):
    """Which of a stage's two logs."""

    OUT = "out"
    ERR = "err"
    BOTH = "both"

    @property
    def names(self) -> tuple[str, ...]:
        """The logs' names, as `log_lines` knows them."""
        return ("out", "err") if self is Stream.BOTH else (self.value,)


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        logs,
        "Print what a stage wrote.",
        "trainui logs digits train -f",
        "trainui logs digits train -n 50 --stream err",
        "trainui logs digits train --attempt 1 > first.log",
    )


def logs(
    run: options.Run,
    stage: options.Stage,
    attempt: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Of this attempt (default: the last one)."),
    ] = None,
    stream: Annotated[Stream, typer.Option(help="Which of the two logs.")] = Stream.BOTH,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as it grows, until the stage's end.")
    ] = False,
    last: Annotated[
        int | None,
        typer.Option("--lines", "-n", min=0, metavar="LINES", help="Only so many of the last."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print what a stage wrote to stdout and stderr.

    Into a pipe it comes as it was written; on a terminal, what the terminal would obey is shown
    and not obeyed.
    """
    _found, one = references.find_one(run, stage)
    wanted = _Wanted(one, attempt, stream, last, as_json)
    if follow:
        _follow(wanted)
    else:
        _print(wanted)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the options say."""

    stage: StageRecord
    attempt: int | None
    stream: Stream
    last: int | None
    as_json: bool

    def logs_of(self, record: AttemptRecord, *, first: bool = True) -> AttemptLogs:
        """Return the logs of an attempt; `-n` is for the first one that is shown."""
        last = self.last if first else None
        return AttemptLogs(_directory(record), self.stream.names, last=last)


def _directory(record: AttemptRecord) -> Directory:
    near = Path(record.directory)
    if near.is_dir():
        return near
    from trainui.control import far_logs

    return far_logs.directory_of(record.directory, record.id, record.host)


def _print(wanted: _Wanted) -> None:
    with views.reading() as connection:
        record = _attempt(connection, wanted.stage, wanted.attempt)
    if record is None:
        output.note(_not_started(wanted.stage))
    lines: Iterable[LogLine] = () if record is None else wanted.logs_of(record).lines(to_end=True)
    if wanted.last is not None:
        lines = deque(lines, maxlen=wanted.last)
    if wanted.as_json:
        number = None if record is None else record.number
        shown = [_as_json(line) for line in lines]
        output.value({"stage": wanted.stage.name, "attempt": number, "lines": shown})
    else:
        _write(lines)


def _attempt(
    connection: driver.Connection, stage: StageRecord, number: int | None
) -> AttemptRecord | None:
    """Return the attempt of this number, or the last one; None where there is none yet.

    Raises:
        NotFoundError: there is no attempt of this number.
    """
    attempts = views.attempts_of_stage(connection, stage.id)
    if number is None:
        return attempts[-1] if attempts else None
    for attempt in attempts:
        if attempt.number == number:
            return attempt
    raise NotFoundError(f"{stage.name} has no attempt {number}; it has {len(attempts)}")


def _not_started(stage: StageRecord) -> str:
    reason = f": {text.harmless(stage.reason)}" if stage.reason else ""
    return f"{text.harmless(stage.name)} has not started yet, it is {stage.status}{reason}"


def _as_json(line: LogLine) -> dict[str, Any]:
    shown = line.raw.decode("utf-8", errors="replace").rstrip("\n")
    return {"stream": line.stream, "time": clock.to_iso(line.time), "text": shown}


def _write(lines: Iterable[LogLine]) -> None:
    if sys.stdout.isatty():
        for line in lines:
            shown = line.raw.decode("utf-8", errors="replace").rstrip("\n")
            output.line(text.harmless(text.as_overwritten(shown)))
        return
    before: LogLine | None = None
    for line in lines:
        if before and before.stream != line.stream and not before.raw.endswith(b"\n"):
            sys.stdout.buffer.write(b"\n")  # the other log begins on a line of its own
        sys.stdout.buffer.write(line.raw)
        before = line
    sys.stdout.buffer.flush()


def _follow(wanted: _Wanted) -> None:
    """Print lines as they come, attempt after attempt, until the stage is over."""
    with views.reading() as connection:
        for record, lines in _growing(connection, wanted):
            if not wanted.as_json:
                _write(lines)
                continue
            for line in lines:
                about = {"stage": wanted.stage.name, "attempt": record.number}
                output.value_line({**about, **_as_json(line)})
            sys.stdout.flush()


def _growing(
    connection: driver.Connection, wanted: _Wanted
) -> Iterator[tuple[AttemptRecord, Iterator[LogLine]]]:
    record = _attempt(connection, wanted.stage, wanted.attempt)
    logs = None if record is None else wanted.logs_of(record)
    if record is None:
        output.note(_not_started(wanted.stage))
    while True:
        is_over = _is_over(connection, wanted.stage)
        latest = _attempt(connection, wanted.stage, wanted.attempt)
        # looked at before the logs are read: what comes after the end is not missed
        moved = latest is not None and (record is None or latest.number != record.number)
        done = is_over or moved or (latest is not None and latest.status in ENDED)
        if record is not None and logs is not None:
            yield record, logs.lines(to_end=done)
        if moved and latest is not None:
            record, logs = latest, wanted.logs_of(latest, first=record is None)
        elif is_over or (wanted.attempt is not None and done):
            return
        else:
            time.sleep(POLL)


def _is_over(connection: driver.Connection, stage: StageRecord) -> bool:
    state = views.stage_states(connection, stage.run_id).get(stage.id)
    return state is None or state[0] in ENDED
