"""Diagnostics of a source once its attempt has ended and everything readable was read."""

from __future__ import annotations

from trainui import formatting
from trainui.metrics.discovery.source_file import SourceFile
from trainui.metrics.reader.source import SourceReader


def after_end(candidate: SourceFile, reader: SourceReader, *, stale: bool) -> str | None:
    """Return what is wrong with a source; None if nothing is.

    A `stale` one was last written before the attempt began.
    """
    if unread := reader.unread:
        return (
            f"the last {formatting.size(unread)} of {candidate.path} were not read: it was written "
            "faster than it can be read; name it in the stage's metrics to have it read to the end"
        )
    if not candidate.named or reader.position.rows or _is_tracked(candidate):
        return None
    if stale:
        return f"{candidate.path} was not written since the attempt began"
    if (link := _link(candidate)) is not None:
        return link
    pattern = _pattern(candidate)
    if pattern is not None:
        return f"the pattern {pattern!r} matched no line of {candidate.path}"
    return f"{candidate.path} has no record that could be read"


def so_far(candidate: SourceFile, reader: SourceReader) -> str | None:
    """Return why a named source has no points yet; None if there is nothing to say."""
    if not candidate.named or reader.position.rows or _is_tracked(candidate):
        return None
    look = reader.look()
    if look is None or not look.size:
        return _link(candidate)
    pattern = _pattern(candidate)
    what = "has no metric" if pattern is None else f"has no line that {pattern!r} matches"
    return f"{candidate.path} {what} so far, in {_about(look.size)}"


def _is_tracked(candidate: SourceFile) -> bool:
    """Return True for a run of a tracker's database, which may have no metrics, e.g. a trial."""
    return bool(candidate.run) and candidate.path.exists()


def _link(candidate: SourceFile) -> str | None:
    """Return a message if a path is a link to a missing file."""
    path = candidate.path
    if not path.is_symlink() or path.exists():
        return None
    return f"{path} is a link to {path.readlink()}, which does not exist"


def _pattern(candidate: SourceFile) -> str | None:
    pattern = candidate.reading.pattern or candidate.reading.preset
    return pattern if pattern is None or isinstance(pattern, str) else pattern.pattern


def _about(size: int) -> str:
    """Return a rounded size, so that the message for a growing file rarely changes."""
    for unit, width in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= width:
            return f"more than {10 ** (len(str(size // width)) - 1)} {unit}"
    return "less than 1 kB"
