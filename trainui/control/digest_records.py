"""A digest: its records, as JSON, text and Markdown, and those of boxes as one. Reads nothing."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from trainui import clock, formatting
from trainui.model.records import StageRecord
from trainui.model.states import NAN, STALLED
from trainui.record import dataclass
from trainui.store.read.event_feed import EndedRun
from trainui.text import harmless, markdown_cell, table

if TYPE_CHECKING:
    from trainui.control.boxes import Box

LEAST_LINES = 3
"""Lines of a section in the text that are always there: so any night is one screen."""

ONE_SCREEN = 34
"""Lines of the text, at most: a terminal's 36 without the bars of the screen, or the prompt."""

MARGINS = 11
"""Columns of a row of next steps that are no text: those of the page, and between the two."""

WIDTH = 120
"""Characters of a line of the text; Markdown and JSON are not cut."""

WIDEST = 24
"""Most characters that a cell is padded to, where not all lines fit."""

LEAST_TEXT = 30
"""Least width of what a command is for, before a command that is long."""

PREPARED = "--prepared"
"""The option of `resume` that makes the edit which a failure's cause suggests."""

NEXT = "Next"
"""The title of the section of commands."""

DISK = "disk"
"""The kind of trouble that is no stage's."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next."""

    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stage, or a disk, that something is wrong with."""

    run: str | None
    name: str
    """The run's name; for a disk its path."""
    stage: str | None
    kind: str
    """`failed`, `interrupted`, `stalled`, `nan`, `alert` or `disk`."""
    evidence: str
    since: int
    suggestion: Step
    box: str = ""
    """The box that it is on, reached by ssh; empty: none."""
    cause: Mapping[str, Any] | None = None
    """Why the attempt failed, as `show --json` has it; None: unknown, or it did not fail."""

    @property
    def words(self) -> str:
        """What happened, for a row."""
        if self.cause is not None:
            file, line = self.cause.get("file"), self.cause.get("line")
            text = str(self.cause["text"])
            if not (file and line):
                return text
            plain = text.removesuffix(".")
            return f"{plain} ({PurePath(str(file)).name}:{line}){text[len(plain) :]}"
        where = self.evidence.partition(": ")[2] if self.kind == STALLED else ""
        return where or self.evidence


@dataclass(frozen=True, slots=True)
class PipelineBest:
    """A pipeline's best value, now and at the beginning of the time."""

    pipeline: str
    metric: str
    lower: bool
    before: float | None
    """None: there was none yet."""
    now: float
    run: str
    stage: str
    step: float | None = None
    """Of the value; None: unknown."""
    unit: str = "step"
    """What a step counts."""

    @property
    def command(self) -> str:
        """The command that runs it again, with the code of its snapshot if it has one."""
        return f"trainui rerun {formatting.short_id(self.run)} {shlex.quote(self.stage)}"


@dataclass(frozen=True, slots=True)
class RunningRun:
    """A run that runs now."""

    run: str
    name: str
    stages: Sequence[str]
    """Its running stages."""
    done: int
    total: int
    """Its stages, and how many of them are done."""
    stalled: int
    """How many of those that run are stalled."""
    until: int | None = None
    """Its estimated end; None: unknown."""


@dataclass(frozen=True, slots=True)
class GpuSeconds:
    """What this machine's GPUs, and those of other hosts, were used for."""

    used: float = 0.0
    """By attempts that ended well, are running, or were continued from."""
    idle: float = 0.0
    """On this machine: free while a stage that could use them was queued."""
    lost: float = 0.0
    """By the other attempts, after their last whole checkpoint."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What happened in a time; times are microseconds since 1970 in UTC."""

    since: int
    until: int
    ended: Sequence[EndedRun] = ()
    stages: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How many stages of each run that ended are in each state."""
    trouble: Sequence[Trouble] = ()
    best: Sequence[PipelineBest] = ()
    gpu_seconds: GpuSeconds = GpuSeconds()
    waiting: Sequence[StageRecord] = ()
    next: Sequence[Step] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """Names of the runs that are named, by id."""
    shared: frozenset[str] = frozenset()
    """Those of the names that other runs have, too."""
    boxes: Sequence[str] = ()
    """The boxes whose digests it has too: their runs have the ids `BOX:RUN`."""
    running: Sequence[RunningRun] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the digest as `--json` prints it; with boxes, each part has its box."""
        found = self._parts()
        if self.boxes:
            for key in ("ended", "trouble", "running", "best", "waiting"):
                found[key] = [_with_box(one) for one in found[key]]
            for part, one in zip(found["trouble"], self.trouble, strict=True):
                part["box"] = one.box or None
        return found

    def _parts(self) -> dict[str, Any]:
        return {
            "since": clock.to_iso(self.since),
            "until": clock.to_iso(self.until),
            "ended": [
                {
                    "run": one.id,
                    "name": one.name,
                    "status": str(one.status),
                    "stages": dict(self.stages.get(one.id, {})),
                }
                for one in self.ended
            ],
            "trouble": [
                {
                    "run": one.run,
                    "name": one.name,
                    "stage": one.stage,
                    "kind": one.kind,
                    "cause": one.cause,
                    "evidence": one.evidence,
                    "since": clock.to_iso(one.since),
                    "suggestion": asdict(one.suggestion),
                }
                for one in self.trouble
            ],
            "running": [
                {
                    "run": one.run,
                    "name": one.name,
                    "stages": [*one.stages],
                    "until": None if one.until is None else clock.to_iso(one.until),
                }
                for one in self.running
            ],
            "best": [
                {
                    "pipeline": one.pipeline,
                    "metric": one.metric,
                    "goal": "minimize" if one.lower else "maximize",
                    "before": one.before,
                    "now": one.now,
                    "step": one.step,
                    "run": one.run,
                    "stage": one.stage,
                    "command": one.command,
                }
                for one in self.best
            ],
            "gpu_seconds": asdict(self.gpu_seconds),
            "waiting": [
                {"run": one.run_id, "stage": one.name, "reason": one.reason} for one in self.waiting
            ],
            "next": [asdict(one) for one in self.next],
        }

    @property
    def headline(self) -> str:
        """The first line, e.g. `since 23:10, 8h: 12 completed, 2 failed`."""
        return f"since {formatting.local_time(self.since)}, {self._length}: {self._counts}"

    @property
    def after_absence(self) -> str:
        """The line for one who returns: `since you left, 7h 10m: 12 completed, best loss 0.1`."""
        best = [f"best {_value(one)}" for one in self.best[:1]]
        return f"since you left, {self._length}: {', '.join([self._counts, *best])}"

    def trouble_of(self, step: Step) -> Trouble | None:
        """Return the trouble that a step is about; None: it is about none."""
        for one in self.trouble:
            known = one.suggestion
            if known.command == step.command and step.text.startswith(known.text):
                return one
        return None

    def run_of(self, step: Step) -> str | None:
        """Return the id of the run that a step is about; None: it is about none."""
        trouble = self.trouble_of(step)
        return None if trouble is None else trouble.run

    def label(self, run_id: str, name: str) -> str:
        """Return a run's name, with its short id where another run has that name."""
        return f"{name} {formatting.short_id(run_id)}" if name in self.shared else name

    @property
    def _length(self) -> str:
        return formatting.duration((self.until - self.since) / clock.SECOND)

    @property
    def _counts(self) -> str:
        counts = Counter(one.status for one in self.ended)
        words = [f"{count} {status}" for status, count in counts.most_common()]
        ill = Counter(
            one.kind if one.kind in (STALLED, DISK) or one.since >= self.since else _BEFORE
            for one in self.trouble
        )
        words += [f"{ill[kind]} {word}" for kind, word in _ILL.items() if ill[kind]]
        return ", ".join(words) or "nothing ended"


def _with_box(part: dict[str, Any]) -> dict[str, Any]:
    box, _, run_id = (part["run"] or "").rpartition(":")
    return {**part, "run": run_id or None, "box": box or None}


_BEFORE = "before"
"""Counts, beside the kinds of trouble, what is unresolved from before the digest's time."""

_ILL = {
    STALLED: "stalled",
    NAN: "with NaN",
    "alert": "with an alert",
    DISK: "low on space",
    _BEFORE: "unresolved from before",
}


def joined(own: Digest, there: Mapping[Box, Digest]) -> Digest:
    """Return the digests of here and of boxes as one, with the runs' ids and commands of here."""
    every = [own, *(_as_here(one, box) for box, one in there.items())]
    gpus = [one.gpu_seconds for one in every]
    return replace(
        own,
        ended=[one for part in every for one in part.ended],
        stages={key: value for part in every for key, value in part.stages.items()},
        trouble=[one for part in every for one in part.trouble],
        running=[one for part in every for one in part.running],
        best=[one for part in every for one in part.best],
        gpu_seconds=GpuSeconds(
            sum(one.used for one in gpus),
            sum(one.idle for one in gpus),
            sum(one.lost for one in gpus),
        ),
        waiting=[one for part in every for one in part.waiting],
        next=[one for part in every for one in part.next],
        names={key: value for part in every for key, value in part.names.items()},
        shared=frozenset(name for part in every for name in part.shared),
        boxes=[box.name for box in there],
    )


def _as_here(found: Digest, box: Box) -> Digest:
    """Return a box's digest with ids, names and commands that are understood here."""

    def step(one: Step) -> Step:
        return Step(f"{box.name}: {one.text}", _command_here(one.command, box))

    def trouble(one: Trouble) -> Trouble:
        run = None if one.run is None else f"{box.name}:{one.run}"
        cause = one.cause if isinstance((one.cause or {}).get("text"), str) else None
        return replace(one, run=run, box=box.name, suggestion=step(one.suggestion), cause=cause)

    return replace(
        found,
        ended=[one._replace(id=f"{box.name}:{one.id}") for one in found.ended],
        stages={f"{box.name}:{key}": value for key, value in found.stages.items()},
        trouble=[trouble(one) for one in found.trouble],
        running=[replace(one, run=f"{box.name}:{one.run}") for one in found.running],
        best=[replace(one, run=f"{box.name}:{one.run}") for one in found.best],
        waiting=[one._replace(run_id=f"{box.name}:{one.run_id}") for one in found.waiting],
        next=[step(one) for one in found.next],
        names={f"{box.name}:{key}": f"{box.name}:{name}" for key, name in found.names.items()},
        shared=frozenset(f"{box.name}:{name}" for name in found.shared),
    )


_OF_A_RUN = re.compile(r"trainui (?:resume|logs|metrics|stacks|rerun) (?=[\w.-]{4})")


def _command_here(command: str, box: Box) -> str:
    """Return a command of a box's digest as it is typed here."""
    if (found := _OF_A_RUN.match(command)) is not None:
        return f"{found[0]}{box.name}:{command[found.end() :]}"
    words = command.removeprefix("trainui ")
    return f"ssh {box.host} {shlex.quote(box.line(words))}"


class Section(NamedTuple):
    """A section of the text."""

    title: str
    lines: Sequence[str]
    """Those of `Next` are the digest's next steps, in this order; each may be several lines."""
    rest: int
    """The number of lines that are left out."""

    @property
    def height(self) -> int:
        """The lines that it takes, with a blank one and its title."""
        return 2 + sum(1 + line.count("\n") for line in self.lines) + bool(self.rest)


def sections(found: Digest) -> list[Section]:
    """Return the sections of the text; long ones are cut, so that a night is one screen."""
    made: list[Section] = []
    for most in range(longest(found), LEAST_LINES - 1, -1):
        made = sections_of(found, most)
        if 1 + sum(one.height for one in made) <= ONE_SCREEN:
            break
    return made


def longest(found: Digest) -> int:
    """Return the lines of the longest section, but no more than one screen has."""
    lengths = (len(rows) for _, rows in _sections(found))
    return max(LEAST_LINES, min(ONE_SCREEN, max(lengths, default=0)))


def sections_of(found: Digest, most: int, width: int | None = None) -> list[Section]:
    """Return the sections with at most so many lines each; with `width` they are to be wrapped."""
    return [
        Section(title, _lines(title, rows[:most], width), max(len(rows) - most, 0))
        for title, rows in _sections(found)
    ]


def _lines(title: str, rows: Sequence[tuple[str, ...]], width: int | None) -> list[str]:
    if title == NEXT:
        return _next_lines(rows, WIDTH if width is None else width)
    lines = _in_columns(rows, WIDTH if width is None else width)
    return list(map(_cut, lines)) if width is None else lines


def _in_columns(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Return the rows as lines; where they are too wide, a long cell keeps no other row's room."""
    lines = table(rows)
    if max(map(len, lines), default=0) <= width - 2:
        return lines
    widths = [min(max(map(len, column)), WIDEST) for column in zip(*rows, strict=True)]
    padded = (
        "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)) for row in rows
    )
    return [harmless(line.rstrip()) for line in padded]


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH - 2 else f"{line[: WIDTH - 3]}…"


def lines(found: Digest) -> Iterator[str]:
    """Yield the digest as text, with at most `ONE_SCREEN` lines."""
    yield found.headline
    for section in sections(found):
        yield ""
        yield section.title
        yield from (f"  {line}" for lines in section.lines for line in lines.split("\n"))
        if section.rest:
            yield f"  and {section.rest} more"


def _next_lines(steps: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Return each step's text beside its command, wrapped: neither is cut.

    A command that leaves too little room for texts stands below its own.
    """
    most = width - MARGINS - LEAST_TEXT
    beside = [command for _, command in steps if len(command) <= most]
    room = min(
        max((len(text) for text, _ in steps), default=0),
        width - MARGINS - max(map(len, beside), default=0),
    )
    found = []
    for text, command in steps:
        first, *more = textwrap.wrap(harmless(text), room) or [""]
        command = harmless(command)
        if len(command) > most:
            found.append(
                "\n".join([*textwrap.wrap(harmless(text), width - MARGINS), f"  {command}"])
            )
        else:
            found.append("\n".join([f"{first:<{room}}  {command}", *more]))
    return found


def markdown(found: Digest) -> str:
    """Return the digest as Markdown, whole."""
    parts = [f"# Digest\n\n{markdown_cell(found.headline)}"]
    for title, shown in _sections(found):
        if title != NEXT:
            rows = [" · ".join(markdown_cell(cell) for cell in row if cell) for row in shown]
        else:
            rows = [f"{markdown_cell(one.text)} · `{one.command}`" for one in found.next]
        parts.append(f"## {title}\n\n" + "\n".join(f"- {row}" for row in rows))
    return "\n\n".join(parts) + "\n"


def _sections(found: Digest) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield the title and the rows of each section that is not empty."""
    if found.trouble:
        yield "Trouble", list(_trouble_rows(found))
    if found.running:
        yield "Running", [_running_row(found, one) for one in found.running]
    if found.best:
        yield "Best", [_best_row(found, one) for one in found.best]
    gpu = found.gpu_seconds
    if any((gpu.used, gpu.idle, gpu.lost)):
        words = (
            f"used {gpu.used / 3600:.1f}, idle {gpu.idle / 3600:.1f}, lost {gpu.lost / 3600:.1f}"
        )
        yield "GPU hours", [(words,)]
    if found.waiting:
        alike: dict[tuple[str, str], list[str]] = {}
        for one in found.waiting:
            alike.setdefault((one.run_id, one.reason or "queued"), []).append(one.name)
        yield (
            "Waiting",
            [
                (f"{found.label(run, found.names.get(run, ''))}/{formatting.listed(names, 2)}", why)
                for (run, why), names in alike.items()
            ],
        )
    if found.next:
        yield NEXT, [(harmless(one.text), one.command) for one in found.next]


def _trouble_rows(found: Digest) -> Iterator[tuple[str, ...]]:
    """Yield a row for the stages of a run that are in trouble for one reason."""
    alike: dict[tuple[str | None, str, str], list[Trouble]] = {}
    for one in found.trouble:
        alike.setdefault((one.run, one.kind, one.words), []).append(one)
    for those in alike.values():
        first = those[0]
        stages = formatting.listed([one.stage for one in those if one.stage], 1)
        name = f"{first.box}:{first.name}" if first.box else first.name
        if first.run:
            name = found.label(first.run, name)
        where = f"{name}/{stages}" if stages else name
        age = formatting.duration((found.until - first.since) / clock.SECOND)
        when = f"{age} ago" if first.kind != DISK else ""
        yield first.kind, when, harmless(where), harmless(first.words)


def _running_row(found: Digest, one: RunningRun) -> tuple[str, ...]:
    """Return e.g. `cells  6 of 9 stages done  ~4m to go, until 16:39  train[lr=1] and 2 more`."""
    end = "stalled" if one.stalled else ""
    if one.until is not None and not one.stalled:
        left = formatting.duration(max(one.until - found.until, 0) / clock.SECOND)
        end = f"~{left} to go, until {formatting.clock_time(one.until)}"
    name = found.label(one.run, found.names.get(one.run, one.name))
    done = f"{one.done} of {formatting.quantity(one.total, 'stage')} done"
    return harmless(name), done, end, harmless(formatting.listed(one.stages, 1))


def _best_row(found: Digest, one: PipelineBest) -> tuple[str, ...]:
    name = found.names.get(one.run)
    where = f"{found.label(one.run, name) if name else formatting.short_id(one.run)}/{one.stage}"
    at = "" if one.step is None else f"at {one.unit} {formatting.number(one.step)}"
    return harmless(one.pipeline), _value(one), at, harmless(where)


def _value(one: PipelineBest) -> str:
    """Return a best value with that of before: `loss 0.1 (was 0.2)`."""
    now, before = formatting.number(one.now), formatting.number(one.before)
    was = "" if one.before is None else " (unchanged)" if now == before else f" (was {before})"
    return f"{harmless(one.metric)} {now}{was}"
