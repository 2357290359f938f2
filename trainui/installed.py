"""Whether trainui on disk is still what this process runs: an upgrade replaces it under us.

Told by the files that every release replaces, that are run by their path, or that say which tables
there are.
"""

from __future__ import annotations

from pathlib import Path

_FILES = ("version.py", "supervisor/supervise.py", "store/migrations/__init__.py")


def _look() -> tuple[tuple[int, int] | None, ...]:
    """Look at each file; None where it is lacking, as it is for a moment in an upgrade."""
    return tuple(_mark(Path(__file__).parent / name) for name in _FILES)


def _mark(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size  # inodes change by themselves on some file systems


_AT_OUR_START = _look()


def is_ours() -> bool:
    """Whether what is there is what this process runs."""
    return _look() == _AT_OUR_START


def is_another() -> bool:
    """Whether another trainui is there, whole as far as these files tell."""
    found = _look()
    return None not in found and found != _AT_OUR_START
