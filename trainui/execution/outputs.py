"""Whether the outputs that a stage declares are there: made by this attempt, and not empty.

They are compared with a file that the supervisor makes as the attempt starts, on the same disk,
and not with the clock, which may jump or be another machine's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from trainui.execution.globbing import matches
from trainui.supervisor import protocol


def problem(outputs: Sequence[str], stage_dir: Path, since_ns: int) -> str | None:
    """Return what is wrong with the first output that is not as it should be; None: all are.

    Args:
        outputs: paths or globs, relative to the stage's directory or absolute.
        stage_dir: the stage's directory.
        since_ns: what did not change since then, in a file's own nanoseconds, does not count.
    """
    found = (_problem(output, stage_dir, since_ns) for output in outputs)
    return next((words for words in found if words), None)


def since(attempt_dir: Path, *, continued: bool) -> int:
    """Return the time after which outputs of an attempt have to be made.

    Args:
        attempt_dir: the attempt's directory.
        continued: whether it continued from a checkpoint; then what earlier attempts made in the
            stage's directory counts too.
    """
    own = _started(attempt_dir)
    if not continued:
        return own
    earlier = (_started(directory) for directory in attempt_dir.parent.glob("attempt-*"))
    return min((time for time in earlier if time), default=own)


def _started(attempt_dir: Path) -> int:
    """Return when an attempt started; 0 where it never did."""
    try:
        return (attempt_dir / protocol.STARTED_FILE).stat().st_mtime_ns
    except OSError:
        return 0


def _problem(output: str, stage_dir: Path, since_ns: int) -> str | None:
    found = matches(output, stage_dir)
    if not found:
        return f"output {output} is missing"
    problems = [_problem_of(path, since_ns) for path in found]
    if None in problems:  # of a glob, earlier attempts may have left others
        return None
    return f"output {output} {problems[0]}"


def _problem_of(path: Path, since_ns: int) -> str | None:
    try:
        if not (any(path.iterdir()) if path.is_dir() else path.stat().st_size):
            return "is empty"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if _changed(path, since_ns) else "is older than this attempt"


def _changed(path: Path, since_ns: int) -> bool:
    """Tell whether a file, or anything in a directory, changed since then."""
    if _changed_at(path) >= since_ns:
        return True
    if not path.is_dir():
        return False
    inside = (
        Path(directory, name) for directory, _, names in os.walk(path) for name in (*names, ".")
    )
    return any(_changed_at(entry) >= since_ns for entry in inside)


def _changed_at(path: Path) -> int:
    """Return when a file was last written, or moved or copied to where it is."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return max(status.st_mtime_ns, status.st_ctime_ns)
