"""Records which checkpoints outside a stage's directory were written by its own attempts.

Such a path may be shared with other runs, so the matching files are recorded before and after each
attempt; the attempt wrote those that changed in between. Sizes and modification times are compared
with earlier ones and not with the clock, which may be another machine's. In a directory only the
largest files are compared, so files added later, e.g. evaluation results, make no difference.
Writing a note raises OSError if that is impossible.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainui import paths, plain_files
from trainui.resume.integrity import files_of, written_at
from trainui.supervisor import protocol

NOTE = "checkpoints.json"
"""File in the attempt's directory: `before` and `after`, each with a state by path."""

LARGEST = 20
"""The number of files compared in a directory."""

_State = Sequence[tuple[str, int, int]]
"""For each file: name in the directory (empty for a single file), size, modification time."""
_States = Mapping[str, _State]


def note_before(found: Iterable[Path], attempt_dir: Path) -> None:
    """Record the matches outside the stage's directory before an attempt starts.

    It is idempotent, since a launch may be repeated.
    """
    if not (attempt_dir / protocol.STARTED_FILE).exists():
        _write(attempt_dir, {"before": _states(found)})


def note_after(found: Iterable[Path], attempt_dir: Path) -> None:
    """Record the state after an attempt has ended: later changes are not its own."""
    if (noted := plain_files.read_object(attempt_dir / NOTE)) is not None and "after" not in noted:
        _write(attempt_dir, {**noted, "after": _states(found)})


def disown(attempt_dir: Path) -> None:
    """Discard an attempt's checkpoints, since its stage starts from the beginning."""
    if attempt_dir.is_dir():
        _write(attempt_dir, {"before": {}, "after": {}})


@dataclass(frozen=True, slots=True)
class Note:
    """The state before and after an attempt."""

    before: _States | None
    """None: an attempt of an older version, without notes."""
    after: _States | None
    """None: not known to have ended."""
    started: int
    """When it started, in nanoseconds of the file system's clock; 0: it never started."""
    has_process: bool
    """True if its process id was recorded; a prevented launch has none."""

    def wrote(self, path: Path) -> bool:
        """Return True if the attempt wrote what is at a path now."""
        if not self.started:
            return False
        if self.before is None:
            return written_at(path) >= self.started
        is_left = self.has_process if self.after is None else _is_in(self.after, path)
        return is_left and not _is_in(self.before, path)


def read(attempt_dir: Path) -> Note:
    """Read an attempt's note."""
    noted = plain_files.read_object(attempt_dir / NOTE) or {}
    before, after = (_states_in(noted.get(name)) for name in ("before", "after"))
    has_process = (attempt_dir / protocol.PIDS_FILE).exists()
    started = written_at(attempt_dir / protocol.STARTED_FILE)
    return Note(before, after, started, has_process)


def _states_in(noted: Any) -> _States | None:
    """Return the states in a note; None if it has none, or if it is damaged."""
    try:
        return {
            path: [(str(name), int(size), int(written)) for name, size, written in state]
            for path, state in noted.items()
        }
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None


def _states(found: Iterable[Path]) -> dict[str, _State]:
    return {str(path): _state(path) for path in found}


def _state(path: Path) -> _State:
    if not path.is_dir():
        return [("", *figures)] if (figures := _figures(path)) else []
    found = ((str(one.relative_to(path)), _figures(one)) for one in files_of(path))
    sized = ((name, *figures) for name, figures in found if figures)
    return heapq.nlargest(LARGEST, sized, key=lambda one: (one[1], one[0]))


def _is_in(states: _States, path: Path) -> bool:
    """Return True if the files at a path that still exist are as recorded."""
    noted = states.get(str(path), ())
    left = [
        (figures, (size, written))
        for name, size, written in noted
        if (figures := _figures(path / name if name else path))
    ]
    return bool(left) and all(now == then for now, then in left)


def _figures(path: Path) -> tuple[int, int] | None:
    found = plain_files.look(path)
    return (found.st_size, found.st_mtime_ns) if found else None


def _write(attempt_dir: Path, noted: Mapping[str, Any]) -> None:
    paths.write_private(attempt_dir / NOTE, json.dumps(noted))
