"""Looks at files that may be missing, unreadable or FIFOs: these count as empty, never written."""

from __future__ import annotations

from pathlib import Path

from trainui import plain_files


def head(path: Path, size: int = 4096, *, begin: int = 0) -> bytes:
    """Return a file's first bytes, or those from an offset on."""
    try:
        with plain_files.open_plain(path) as file:
            file.seek(begin)
            return file.read(size)
    except OSError:
        return b""


def text(path: Path, size: int = 8192) -> str:
    """Return the text of a small file."""
    return head(path, size).decode(errors="replace")


def size(path: Path) -> int:
    """Return a file's size in bytes."""
    try:
        return plain_files.status(path).st_size
    except OSError:
        return 0


def modified(path: Path) -> float:
    """Return when a file was last written, in seconds since 1970."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
