"""Detect that trainui was upgraded or removed while this process runs.

Compares files that every release replaces, that are run by path, or that define the database
schema.
"""

from __future__ import annotations

from pathlib import Path

_FILES = ("version.py", "supervisor/supervise.py", "store/migrations/__init__.py")


def _look() -> tuple[tuple[int, int] | None, ...]:
    """Return the state of each file; None for a missing one, e.g. during an upgrade."""
    return tuple(_mark(Path(__file__).parent / name) for name in _FILES)


def _mark(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size  # no inode: on some file systems it is not stable


_AT_OUR_START = _look()


def is_unchanged() -> bool:
    """Return True if trainui on disk is the one that this process runs."""
    return _look() == _AT_OUR_START


def is_upgraded() -> bool:
    """Return True if another trainui is installed completely, judging by these files."""
    found = _look()
    return None not in found and found != _AT_OUR_START
