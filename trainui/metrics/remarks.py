"""What is to be said of a source once its attempt has ended and all was read that will be."""

from __future__ import annotations

from trainui import formatting
from trainui.metrics.candidate import Candidate
from trainui.metrics.source_reader import SourceReader


def of_ended(candidate: Candidate, reader: SourceReader, *, stale: bool) -> str | None:
    """Say what was not read of a source; None if there is nothing to say.

    Args:
        candidate: the file.
        reader: that has read it.
        stale: it was last written before the attempt began.
    """
    if unread := reader.unread:
        return (
            f"the last {formatting.size(unread)} of {candidate.path} were not read: it was written "
            "faster than lines can be read, and nobody waits for that where no metrics name it"
        )
    if not candidate.named or reader.position.rows:
        return None
    if stale:
        return f"{candidate.path} was not written since the attempt began"
    if (link := _link(candidate)) is not None:
        return link
    pattern = _pattern(candidate)
    if pattern is not None:
        return f"the pattern {pattern!r} matched no line of {candidate.path}"
    return f"{candidate.path} holds no record that could be read"


def so_far(candidate: Candidate, reader: SourceReader) -> str | None:
    """Say of a source that is named why it gave nothing yet; None if there is nothing to say."""
    if not candidate.named or reader.position.rows:
        return None
    look = reader.look()
    if look is None or not look.size:
        return _link(candidate)
    pattern = _pattern(candidate)
    what = "holds no metric" if pattern is None else f"has no line that {pattern!r} matches"
    return f"{candidate.path} {what} so far, in {_about(look.size)}"


def _link(candidate: Candidate) -> str | None:
    """Say where a link leads if there is nothing."""
    path = candidate.path
    if not path.is_symlink() or path.exists():
        return None
    return f"{path} is a link to {path.readlink()}, where no file is"


def _pattern(candidate: Candidate) -> str | None:
    pattern = candidate.reading.pattern or candidate.reading.preset
    return pattern if pattern is None or isinstance(pattern, str) else pattern.pattern


def _about(size: int) -> str:
    """Return a size roughly, so that what is said of a file that grows is seldom another."""
    for unit, width in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= width:
            return f"more than {10 ** (len(str(size // width)) - 1)} {unit}"
    return "less than 1 kB"
