"""Which checkpoints outside a stage's directory its own attempts wrote.

Such a path may be shared with other runs, so what matched is noted before and after each attempt:
an attempt wrote what changed in between. Sizes and modification times are compared with each other
and not with the clock, which may be another machine's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainui import paths, plain_files
from trainui.execution.wholeness import written_at
from trainui.supervisor import protocol

NOTE = "checkpoints.json"
"""In the attempt's directory: `before` and `after`, each a state by path."""

_State = list[int]
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
    """When its process started, in nanoseconds of its disk's clock; 0: it never did."""

    def wrote(self, path: Path) -> bool:
        """Return whether the attempt wrote what is at a path now."""
        if not self.started:
            return False
        state, key = _state(path), str(path)
        if self.before is None:
            return state[1] >= self.started
        if self.after is not None and self.after.get(key) != state:
            return False
        return self.before.get(key) != state


def read(attempt_dir: Path) -> Note:
    """Return the note of an attempt."""
    noted = _read(attempt_dir) or {}
    return Note(noted.get("before"), noted.get("after"), _started(attempt_dir))


def _started(attempt_dir: Path) -> int:
    if not (attempt_dir / protocol.PIDS_FILE).exists():
        return 0  # a launch that was prevented leaves the file that marks a start, and no process
    try:
        return (attempt_dir / protocol.STARTED_FILE).stat().st_mtime_ns
    except OSError:
        return 0


def _states(found: Iterable[Path]) -> dict[str, _State]:
    return {str(path): _state(path) for path in found}


def _state(path: Path) -> _State:
    """Return a size and when it was written; of a directory the newest of its files counts."""
    try:
        size = 0 if path.is_dir() else path.stat().st_size
    except OSError:
        size = 0
    return [size, written_at(path)]


def _write(attempt_dir: Path, noted: Mapping[str, Any]) -> None:
    paths.write_private(attempt_dir / NOTE, json.dumps(noted))


def _read(attempt_dir: Path) -> dict[str, Any] | None:
    try:
        noted = json.loads(plain_files.read_bytes(attempt_dir / NOTE))
    except (OSError, ValueError):
        return None
    return noted if isinstance(noted, dict) else None
