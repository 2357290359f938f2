"""Lists of runs and digests of all boxes, asked at once; the last known list; copies of code."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainui import clock, paths, system
from trainui.control.boxes import (
    MOST_LINE,
    Box,
    BoxConnection,
    BoxError,
    connected,
    follow,
    known_file,
)
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.formatting import duration, quantity
from trainui.model.states import Status
from trainui.record import dataclass
from trainui.store.read.run_list import RunLine
from trainui.store.read.time_worked import TimeWorked
from trainui.text import harmless

MOST_RUNS = 500
"""The newest runs of a box that the screen of another machine lists."""

LIST_TIMEOUT = 15.0
"""Seconds in which a box has to have listed its runs."""

LIST_CONNECT = 4
"""Seconds for ssh to connect for a list of several boxes: one that sleeps holds up the others."""

MOST_SECONDS = 1e10
"""More than any run can have taken."""

SSH = "ssh -o BatchMode=yes -o LogLevel=ERROR"
"""How rsync reaches a box: without a question, and without its banner."""

COPIES = "copies"
"""The directory in the home of a box for the code that was copied there."""


def copy_code(box: Box, source: Path, file: Path | None) -> tuple[str, list[str]]:
    """Copy the files of a directory that git tracks, as they are now, and a pipeline file.

    Returns the directory there and remarks for the user. It is named by the content, and never
    written again: what runs from it keeps its code.

    Raises:
        BoxError: the box cannot be reached, or the copy failed.
        UnfitEnvironmentError: there is no rsync here.
        UsageError: there is no such file.
    """
    import hashlib  # it loads OpenSSL

    if file is not None and not file.is_file():
        raise UsageError(f"{file}: there is no such file")
    names, remarks = _tracked(source)
    if file is not None:
        names = sorted({*names, file.name})
    digest = hashlib.sha256()
    for name in names:
        digest.update(
            f"{name}\0{(source / name).stat().st_mode & 0o111}\0".encode(errors="replace")
        )
        digest.update((source / name).read_bytes())
    with connected(box) as connection:
        home = str(connection.greeting.get("home"))
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", source.name).strip("-.") or "code"
    place = f"{home}/{COPIES}/{plain}-{digest.hexdigest()[:12]}"
    words = [
        *("rsync", "-a", "--from0", "--files-from=-", "-e", SSH),
        *("--rsync-path", f"mkdir -p {shlex.quote(place)} && rsync"),
        *(f"{source}/", f"{box.host}:{place}/"),
    ]
    try:
        given = "\0".join(names).encode(errors="surrogateescape")
        done = subprocess.run(words, input=given, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise UnfitEnvironmentError("there is no `rsync` here; install it") from error
    if done.returncode:
        raise BoxError(f"{box.name}: copying the code failed: {_why_not_copied(box, done.stderr)}")
    return place, remarks


def _why_not_copied(box: Box, printed: bytes) -> str:
    """Return what rsync says, and what to do."""
    lines = [harmless(line) for line in printed.decode(errors="replace").strip().split("\n")]
    said = next((line for line in lines if "rsync" in line or "shell clean" in line), lines[0])
    if "shell clean" in said:
        where = f"`ssh {box.host} true` prints something"
        return f"{where}; let the start-up files there print on terminals alone"
    if "No space left" in said:
        return f"{said}; `ssh {box.host} trainui prune` deletes old runs there"
    if "not found" in said:
        return f"{said}; install rsync there"
    return f"{said}; see `ssh {box.host}`"


def _tracked(source: Path) -> tuple[list[str], list[str]]:
    """Return the files below a directory that git tracks and that exist, and remarks."""
    words = ["git", "-C", str(source), "ls-files", "-z"]
    try:
        done = subprocess.run(words, capture_output=True, check=False)
    except FileNotFoundError:
        done = None
    if done is None or done.returncode:
        what = "nothing but the pipeline file was copied; `git init` there, and `git add` the rest"
        return [], [f"{source} is in no git repository: {what}"]
    named = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    found = [name for name in named if (source / name).is_file()]
    more = [*words, "--others", "--exclude-standard"]
    others = subprocess.run(more, capture_output=True, check=False).stdout.count(b"\0")
    what = quantity(others, "file")
    left = f"{what} that git does not track: not copied; `git add` what matters"
    return found, [left] if others else []


@dataclass(frozen=True, slots=True)
class BoxRuns:
    """A box's runs as `ls --json` gives them there, with times of this machine's clock."""

    box: Box
    runs: Sequence[Mapping[str, Any]]
    seen_at: int | None
    """When they were read, in microseconds; None: never."""
    problem: str = ""
    """Why they are not of now; empty: they are."""
    more: Any = None
    """What else was asked of the box (`lists`)."""

    @property
    def age_words(self) -> str:
        """How old they are, for a note."""
        if self.seen_at is None:
            return "never seen"
        return f"as of {duration(max(clock.now() - self.seen_at, 0) // clock.SECOND)} ago"


def problems(found: Sequence[BoxRuns]) -> list[str]:
    """Return why boxes do not answer, and how old what is shown of them is, a line each."""
    return [
        f"! {one.problem}"
        + ("" if one.seen_at is None else f"; {quantity(len(one.runs), 'run')} {one.age_words}")
        for one in found
        if one.problem
    ]


AskMore = Callable[[BoxConnection, list[dict[str, Any]]], Any]


def lists(
    boxes: Sequence[Box], words: Sequence[str] = (), more: AskMore | None = None
) -> list[BoxRuns]:
    """Return the runs of several boxes, asked at the same time, newest first in each.

    `words` are further words for `ls` there: a filter, an order, a limit. Of a box that does not
    answer, what it listed last is returned, unfiltered. `more` asks for more over the connection.
    """
    from concurrent.futures import ThreadPoolExecutor  # it imports logging

    with ThreadPoolExecutor(max(len(boxes), 1)) as pool:
        return list(pool.map(lambda box: _list_of(box, words, more), boxes))


def _list_of(box: Box, words: Sequence[str], more: AskMore | None) -> BoxRuns:
    found = None
    try:
        with connected(box, LIST_CONNECT) as connection:
            runs = list_over(connection, words)
            if more is not None:
                found = more(connection, runs)
    except (BoxError, ValueError) as error:
        problem = harmless(str(error))
        seen, runs = known(box.name)
        named = isinstance(error, BoxError)
        return BoxRuns(box, runs, seen, problem if named else f"{box.name}: {problem}")
    if not words:
        keep(box.name, runs, clock.now())
    return BoxRuns(box, runs, clock.now(), more=found)


def list_over(connection: BoxConnection, words: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the runs of a box, in the order of `ls` there, with times of this machine's clock.

    Raises:
        BoxError: it does not answer.
        ValueError: it answers with an error, or what is no list of runs.
    """
    lines: list[str] = []
    end = time.monotonic() + LIST_TIMEOUT
    command = ["ls", "--json", *words]
    follow(connection, command, lines.append, lambda _: None, end=end, most=MOST_LINE)
    try:
        return _checked(json.loads("\n".join(lines)), connection.clock_difference)
    except (OverflowError, RecursionError) as error:
        raise ValueError("no list of runs") from error


_TEXTS = ("run", "name", "status")
_TIMES = ("created_at", "started_at", "completed_at", "lost_at")


def _checked(data: Any, ahead: int) -> list[dict[str, Any]]:
    """Return the runs of an answer, with their times moved to this clock.

    Raises:
        ValueError: it is no list of runs.
    """
    if isinstance(data, dict) and isinstance(data.get("error"), dict):
        raise ValueError(str(data["error"].get("message")))
    runs = data.get("runs") if isinstance(data, dict) else None
    if not isinstance(runs, list):
        raise ValueError("no list of runs")
    found = []
    for one in runs:
        if not isinstance(one, dict) or not all(isinstance(one.get(key), str) for key in _TEXTS):
            raise ValueError("a run without its id, name or state")
        seconds = one.get("seconds_worked")
        if seconds is not None and not (
            isinstance(seconds, int | float) and 0 <= seconds < MOST_SECONDS
        ):
            raise ValueError(f"{seconds!r:.40} are no seconds")
        moved = {key: _moved(one.get(key), ahead) for key in _TIMES}
        found.append({**one, **moved})
    return found


def _moved(text: Any, ahead: int) -> str | None:
    return None if text is None else clock.to_iso(clock.from_iso(str(text)) - ahead)


def known(name: str) -> tuple[int | None, list[dict[str, Any]]]:
    """Return when a box was last seen, in microseconds, and its runs of then."""
    with suppress(OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        data = json.loads(system.read_text(known_file(name)))
        return int(data["seen"]), _checked(data, 0)
    return None, []


def keep(name: str, runs: Sequence[Mapping[str, Any]], seen_at: int) -> None:
    """Note a box's runs as they were at a time, for the time when it does not answer."""
    kept = known_file(name)
    with suppress(OSError):
        paths.make_private(kept.parent)
        paths.write_private(kept, json.dumps({"seen": seen_at, "runs": list(runs)}))


def as_line(run: Mapping[str, Any], box: str, seen_at: int | None) -> RunLine:
    """Return a run of a box, as `ls --json` has it, as a line of the list here."""
    try:
        status = Status(run["status"])
    except ValueError:  # one that only a newer trainui knows
        status = Status.ENDED
    times = [run.get(key) for key in ("created_at", "started_at", "completed_at")]
    created, started, completed = (None if one is None else clock.from_iso(one) for one in times)
    if run.get("seconds_worked", 0) is None and completed is not None:
        started = None  # of an external training whose start is not known
    return RunLine(
        id=f"{box}:{run['run']}",
        name=run["name"],
        pipeline=run["name"],
        status=status,
        priority=0,
        created_at=created or 0,
        started_at=started,
        completed_at=completed,
        done=0,
        total=0,
        worked=_worked(run, started, completed),
        box=box,
        seen_at=seen_at,
    )


def _worked(run: Mapping[str, Any], started: int | None, completed: int | None) -> TimeWorked:
    seconds = run.get("seconds_worked")
    if isinstance(seconds, int | float):
        ended = int(seconds * clock.SECOND)
        return TimeWorked(ended, started if completed is None and not ended else None)
    return TimeWorked((completed or 0) - (started or 0)) if completed and started else TimeWorked()


def as_row(run: RunLine, seen_at: int) -> dict[str, Any]:
    """Return a line as `ls --json` had it at that moment."""
    worked = run.worked_until(seen_at)
    return {
        "run": run.id.partition(":")[2],
        "name": run.name,
        "status": str(run.status),
        "created_at": clock.to_iso(run.created_at),
        "started_at": clock.to_iso(run.started_at),
        "completed_at": clock.to_iso(run.completed_at),
        "seconds_worked": None if worked is None else worked / clock.SECOND,
    }
