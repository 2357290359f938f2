"""What a stage printed, at once or as it comes."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from trainui import clock, text
from trainui.cli import lookup, options
from trainui.cli.output import printing
from trainui.cli.output.log_lines import AttemptLogs, TimedLine
from trainui.domain.file_access import Directory, LocalDirectory
from trainui.domain.records import AttemptRecord, StageRecord
from trainui.domain.states import ENDED
from trainui.errors import NotFoundError
from trainui.store.db import protocol
from trainui.store.read import readonly, views

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
        "trainui logs baseline",
    )


def logs(
    run: options.Run,
    stage: Annotated[
        str | None,
        typer.Argument(
            metavar="[STAGE]",
            help="A stage: its name or a unique part of it; a matrix stage's name means all "
            "members (default: the run's only stage).",
            show_default=False,
        ),
    ] = None,
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
    and not obeyed. Of several stages each part is headed by its stage's name.
    """
    stages = lookup.find_alike(run, stage)
    wanted = [_Wanted(one, attempt, stream, last) for one in stages]
    printer = _Printer(stage or stages[0].name, as_json=as_json, several=len(stages) > 1)
    if follow:
        _follow(wanted, printer)
    else:
        _print(wanted, printer)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the options say."""

    stage: StageRecord
    attempt: int | None
    stream: Stream
    last: int | None

    def logs_of(self, record: AttemptRecord, *, first: bool = True) -> AttemptLogs:
        """Return the logs of an attempt; `-n` is for the first one that is shown."""
        last = self.last if first else None
        return AttemptLogs(_directory(record), self.stream.names, last=last)


def _directory(record: AttemptRecord) -> Directory:
    near = Path(record.directory)
    if near.is_dir():
        return LocalDirectory(near)
    from trainui.control import remote_logs

    return remote_logs.directory_of(record.directory, record.id, record.host)


def _print(all_wanted: Sequence[_Wanted], printer: _Printer) -> None:
    numbers: list[int | None] = []
    shown: list[dict[str, Any]] = []
    for wanted in all_wanted:
        with views.reading() as connection:
            record = _attempt(connection, wanted.stage, wanted.attempt)
        numbers.append(None if record is None else record.number)
        if record is None:
            printing.note(_not_started(wanted.stage))
            continue
        lines: Iterable[TimedLine] = wanted.logs_of(record).lines(to_end=True)
        if wanted.last is not None:
            lines = deque(lines, maxlen=wanted.last)
        if printer.as_json:
            shown += printer.json_lines(wanted.stage, record, lines)
        else:
            printer.write(wanted.stage, lines)
    if printer.as_json:
        number = numbers[0] if len(set(numbers)) == 1 else None
        printing.value({"stage": printer.name, "attempt": number, "lines": shown})


def _attempt(
    connection: protocol.Connection, stage: StageRecord, number: int | None
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


def _as_json(line: TimedLine) -> dict[str, Any]:
    shown = line.raw.decode("utf-8", errors="replace").rstrip("\n")
    return {"stream": line.stream, "time": clock.to_iso(line.time), "text": shown}


class _Printer:
    """Prints lines of one stage, or of several with a heading where another one's begin."""

    def __init__(self, name: str, *, as_json: bool, several: bool) -> None:
        self.name = name
        self.as_json = as_json
        self._several = several
        self._stage: str | None = None
        self._ended = True
        """Whether the last line had a line end."""

    def json_lines(
        self, stage: StageRecord, record: AttemptRecord, lines: Iterable[TimedLine]
    ) -> list[dict[str, Any]]:
        """Return lines as data; those of several stages with their stage."""
        about = {"stage": stage.name, "attempt": record.number} if self._several else {}
        return [{**about, **_as_json(line)} for line in lines]

    def write(self, stage: StageRecord, lines: Iterable[TimedLine]) -> None:
        """Write lines as text."""
        on_terminal, stream = sys.stdout.isatty(), None
        for line in lines:
            self._head(stage)
            if on_terminal:
                shown = line.raw.decode("utf-8", errors="replace").rstrip("\n")
                printing.line(text.harmless(text.as_overwritten(shown)))
                continue
            if stream not in (None, line.stream) and not self._ended:
                sys.stdout.buffer.write(b"\n")  # the other log begins on a line of its own
            sys.stdout.buffer.write(line.raw)
            stream, self._ended = line.stream, line.raw.endswith(b"\n")
        sys.stdout.buffer.flush()

    def _head(self, stage: StageRecord) -> None:
        if not self._several or self._stage == stage.name:
            return
        between = "" if self._stage is None else "\n" if self._ended else "\n\n"
        self._stage, self._ended = stage.name, True
        sys.stdout.flush()
        heading = f"{between}==> {text.harmless(stage.name)} <==\n"
        sys.stdout.buffer.write(heading.encode(errors="replace"))
        sys.stdout.buffer.flush()


def _follow(all_wanted: Sequence[_Wanted], printer: _Printer) -> None:
    """Print lines as they come, attempt after attempt, until every stage is over."""
    with views.reading() as connection:
        growing = [(wanted.stage, _growing(connection, wanted)) for wanted in all_wanted]
        database = readonly.Unreplaced()
        while growing:
            database.check()
            for one in list(growing):
                stage, steps = one
                try:
                    record, lines = next(steps)
                except StopIteration:
                    growing.remove(one)
                    continue
                _show_step(printer, stage, record, lines)
            time.sleep(POLL if growing else 0)


def _show_step(
    printer: _Printer,
    stage: StageRecord,
    record: AttemptRecord | None,
    lines: Iterable[TimedLine],
) -> None:
    if not printer.as_json:
        printer.write(stage, lines)
        return
    for line in lines:
        about = {"stage": stage.name, "attempt": record.number if record else None}
        printing.value_line({**about, **_as_json(line)})
    sys.stdout.flush()


def _growing(
    connection: protocol.Connection, wanted: _Wanted
) -> Iterator[tuple[AttemptRecord | None, Iterable[TimedLine]]]:
    """Yield at each look which attempt runs, and what is new in its logs."""
    record = _attempt(connection, wanted.stage, wanted.attempt)
    logs = None if record is None else wanted.logs_of(record)
    if record is None:
        printing.note(_not_started(wanted.stage))
    while True:
        is_over = _is_over(connection, wanted.stage)
        latest = _attempt(connection, wanted.stage, wanted.attempt)
        # looked at before the logs are read: what comes after the end is not missed
        moved = latest is not None and (record is None or latest.number != record.number)
        done = is_over or moved or (latest is not None and latest.status in ENDED)
        yield record, () if logs is None else logs.lines(to_end=done)
        if moved and latest is not None:
            record, logs = latest, wanted.logs_of(latest, first=record is None)
        elif is_over or (wanted.attempt is not None and done):
            return


def _is_over(connection: protocol.Connection, stage: StageRecord) -> bool:
    status = views.stage_status(connection, stage.id)
    return status is None or status in ENDED
