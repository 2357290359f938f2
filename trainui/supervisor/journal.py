"""Read the records that an attempt's supervisor wrote.

A missing or incomplete record is None, and an incomplete last line is ignored. A record that is
of another version or cannot be understood raises JournalError.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainui import plain_files
from trainui.errors import NotPlainFileError
from trainui.supervisor import protocol
from trainui.supervisor.protocol import Exit, ExitReason, JournalError, Pids, Spec
from trainui.supervisor.supervise import boot_id

TAIL_BYTES = 65_536
"""How much of the journal of times is read: about 2000 entries."""


def read_spec(attempt_dir: Path) -> Spec | None:
    """Return the attempt's spec; None if it was never written."""
    values = _read(attempt_dir, protocol.SPEC_FILE, Spec)
    if values is None:
        return None
    with _understood(attempt_dir / protocol.SPEC_FILE):
        lists = {key: tuple(values[key]) for key in ("argv", "revive", "locks") if values.get(key)}
        return Spec(**{**values, **lists})


def read_pids(attempt_dir: Path) -> Pids | None:
    """Return the attempt's processes; None if there are none yet."""
    values = _read(attempt_dir, protocol.PIDS_FILE, Pids)
    with _understood(attempt_dir / protocol.PIDS_FILE):
        return Pids(**values) if values is not None else None


def is_of_this_boot(attempt_dir: Path) -> bool:
    """Return True if the attempt's processes were started since this machine's last boot."""
    pids = read_pids(attempt_dir)
    return pids is not None and pids.boot_id == boot_id()


def read_exit(attempt_dir: Path) -> Exit | None:
    """Return how the attempt ended; None if it has not, or if its end was not recorded."""
    values = _read(attempt_dir, protocol.EXIT_FILE, Exit)
    if values is None:
        return None
    with _understood(attempt_dir / protocol.EXIT_FILE):
        values["reason"] = ExitReason(values["reason"])
        values["left"] = tuple(values["left"])
        return Exit(**values)


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


def log_sizes(attempt_dir: Path) -> tuple[int, int]:
    """Return the sizes of stdout and stderr in bytes; 0 for an unreadable one."""
    return _size(attempt_dir / protocol.STDOUT_FILE), _size(attempt_dir / protocol.STDERR_FILE)


def _size(path: Path) -> int:
    found = plain_files.look(path)
    return 0 if found is None else found.st_size


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Raise JournalError for a complete record with unknown content (of another version)."""
    try:
        yield
    except (LookupError, TypeError, ValueError) as error:
        raise JournalError(f"{path} cannot be understood: {error}") from error


def _read(
    attempt_dir: Path, name: str, record: type[Spec] | type[Pids] | type[Exit]
) -> dict[str, Any] | None:
    path = attempt_dir / name
    try:
        text = plain_files.read_bytes(path)
    except FileNotFoundError:
        return None
    except NotPlainFileError as error:
        raise JournalError(str(error)) from error
    return protocol.decode(record, text, str(path))
