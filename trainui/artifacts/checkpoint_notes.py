"""Which checkpoints outside a stage's directory its own attempts wrote.

Such a path may be shared with other runs, so what matched is noted before and after each attempt:
an attempt wrote what changed in between. Sizes and modification times are compared with each other
and not with the clock, which may be another machine's. Of a directory its largest files count: what
is added later, such as an evaluation's results, does not make it another checkpoint.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainui import paths, plain_files
from trainui.artifacts.integrity import files_of, written_at
from trainui.supervisor import protocol

NOTE = "checkpoints.json"
"""In the attempt's directory: `before` and `after`, each a state by path."""

LARGEST = 20
"""Files of a directory by which it is known again."""

_State = Sequence[tuple[str, int, int]]
"""Of files their name in the directory (empty: it is a file itself), size and time of writing."""
_States = Mapping[str, _State]


def note_before(found: Iterable[Path], attempt_dir: Path) -> None:
    """Note what is there before an attempt starts; a launch done again notes nothing.

    Args:
        found: the paths that match outside the stage's directory.
        attempt_dir: the attempt's.

    Raises:
        OSError: the disk does not let it.
    """
    if not (attempt_dir / protocol.STARTED_FILE).exists():
        _write(attempt_dir, {"before": _states(found)})


def note_after(found: Iterable[Path], attempt_dir: Path) -> None:
    """Note what is there once an attempt has ended: later changes are somebody else's.

    Raises:
        OSError: the disk does not let it.
    """
    if (noted := _read(attempt_dir)) is not None and "after" not in noted:
        _write(attempt_dir, {**noted, "after": _states(found)})


def disown(attempt_dir: Path) -> None:
    """Let nothing count that an attempt wrote, since its stage starts from the beginning.

    Raises:
        OSError: the disk does not let it.
    """
    if attempt_dir.is_dir():
        _write(attempt_dir, {"before": {}, "after": {}})


@dataclass(frozen=True, slots=True)
class Note:
    """What was there before and after an attempt."""

    before: _States | None
    """None: the attempt is older than such notes."""
    after: _States | None
    """None: it has not ended yet, as far as is known."""
    started: int
    """When it started, in nanoseconds of its disk's clock; 0: it never did."""
    has_process: bool
    """Whether a process of it was noted: a launch that was prevented has none."""

    def wrote(self, path: Path) -> bool:
        """Return whether the attempt wrote what is at a path now."""
        if not self.started:
            return False
        if self.before is None:
            return written_at(path) >= self.started
        is_left = self.has_process if self.after is None else _is_in(self.after, path)
        return is_left and not _is_in(self.before, path)


def read(attempt_dir: Path) -> Note:
    """Return the note of an attempt."""
    noted = _read(attempt_dir) or {}
    has_process = (attempt_dir / protocol.PIDS_FILE).exists()
    started = written_at(attempt_dir / protocol.STARTED_FILE)
    return Note(noted.get("before"), noted.get("after"), started, has_process)


def _states(found: Iterable[Path]) -> dict[str, _State]:
    return {str(path): _state(path) for path in found}


def _state(path: Path) -> _State:
    if not path.is_dir():
        return [("", *figures)] if (figures := _figures(path)) else []
    found = ((str(one.relative_to(path)), _figures(one)) for one in files_of(path))
    sized = ((name, *figures) for name, figures in found if figures)
    return heapq.nlargest(LARGEST, sized, key=lambda one: (one[1], one[0]))


def _is_in(states: _States, path: Path) -> bool:
    """Return whether what is at a path is what was noted, as far as it is still there."""
    noted = states.get(str(path), ())
    left = [
        (figures, (size, written))
        for name, size, written in noted
        if (figures := _figures(path / name if name else path))
    ]
    return bool(left) and all(now == then for now, then in left)


def _figures(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _write(attempt_dir: Path, noted: Mapping[str, Any]) -> None:
    paths.write_private(attempt_dir / NOTE, json.dumps(noted))


def _read(attempt_dir: Path) -> dict[str, Any] | None:
    try:
        noted = json.loads(plain_files.read_bytes(attempt_dir / NOTE))
    except (OSError, ValueError):
        return None
    return noted if isinstance(noted, dict) else None
