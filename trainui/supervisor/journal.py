"""Read the records that an attempt's supervisor wrote.

A missing or incomplete record is None, and an incomplete last line is ignored. A record that is
of another version or cannot be understood raises JournalError.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from trainui.errors import NotPlainFileError
from trainui.supervisor import protocol
from trainui.supervisor.protocol import Exit, ExitReason, JournalError, Pids, Spec
from trainui.supervisor.supervise import boot_id
from trainui.system import plain_files

_Record = TypeVar("_Record", Spec, Pids, Exit)

WRITTEN_BYTES = 1 << 20
"""How much of the list of written files is read: more than a supervisor notes."""

TAIL_BYTES = 65_536
"""How much of the journal of times is read: about 2000 entries."""


def read_spec(attempt_dir: Path) -> Spec | None:
    """Return the attempt's spec; None if it was never written."""
    return _read(attempt_dir, protocol.SPEC_FILE, Spec)


def read_pids(attempt_dir: Path) -> Pids | None:
    """Return the attempt's processes; None if there are none yet."""
    return _read(attempt_dir, protocol.PIDS_FILE, Pids)


def readable_pids(attempt_dir: Path) -> Pids | None:
    """Return the attempt's processes; None if there are none yet, or if they cannot be read."""
    try:
        return read_pids(attempt_dir)
    except (JournalError, OSError):
        return None


def is_of_this_boot(attempt_dir: Path) -> bool:
    """Return True if the attempt's processes were started since this machine's last boot."""
    pids = readable_pids(attempt_dir)
    return pids is not None and pids.boot_id == boot_id()


def read_exit(attempt_dir: Path) -> Exit | None:
    """Return how the attempt ended; None if it has not, or if its end was not recorded."""
    return _read(attempt_dir, protocol.EXIT_FILE, Exit, reason=ExitReason)


def last_growths(attempt_dir: Path) -> list[int]:
    """Return when the logs grew in the last hours, in microseconds since 1970."""
    try:
        with plain_files.open_plain(attempt_dir / protocol.TIMES_FILE) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read(TAIL_BYTES)
    except OSError:
        return []
    lines = text[text.find(b"\n") + 1 : text.rfind(b"\n") + 1].splitlines()
    return [entry[0] for line in lines if (entry := protocol.parse_times(line))]


def written_files(attempt_dir: Path) -> list[Path]:
    """Return the files that the attempt's processes were seen to have open for writing."""
    try:
        with plain_files.open_plain(attempt_dir / protocol.WRITTEN_FILE) as file:
            lines = file.read(WRITTEN_BYTES).split(b"\n")[:-1]
    except OSError:
        return []
    found: list[Path] = []
    for line in lines:
        with suppress(ValueError, TypeError):  # a damaged line
            found.append(Path(json.loads(line)))
    return found


def log_sizes(attempt_dir: Path) -> tuple[int, int]:
    """Return the sizes of stdout and stderr in bytes; 0 for an unreadable one."""
    return _size(attempt_dir / protocol.STDOUT_FILE), _size(attempt_dir / protocol.STDERR_FILE)


def _size(path: Path) -> int:
    found = plain_files.look(path)
    return 0 if found is None else found.st_size


def _read(
    attempt_dir: Path, name: str, record: type[_Record], **kinds: Callable[[Any], Any]
) -> _Record | None:
    """Return a record; `kinds` convert the values of fields. Unknown fields are ignored."""
    path = attempt_dir / name
    try:
        values = json.loads(plain_files.read_bytes(path))
    except (FileNotFoundError, ValueError):
        return None
    except NotPlainFileError as error:
        raise JournalError(str(error)) from error
    if not isinstance(values, dict):
        return None
    if (version := values.get("version")) != protocol.VERSION:
        reads = f"this trainui reads {protocol.VERSION}"
        raise JournalError(f"{path} is of version {version!r}; {reads}")
    known = {one: values[one] for one in record.__dataclass_fields__ if one in values}
    lists = {one: tuple(value) for one, value in known.items() if isinstance(value, list)}
    try:
        return record(
            **{**known, **lists, **{one: kind(known[one]) for one, kind in kinds.items()}}
        )
    except (LookupError, TypeError, ValueError) as error:
        raise JournalError(f"{path} cannot be understood: {error}") from error
