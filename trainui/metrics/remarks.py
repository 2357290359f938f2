"""What is to be said of a source once its attempt has ended and all was read that will be."""

from __future__ import annotations

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
            f"the last {unread / 1e6:.0f} MB of {candidate.path} were not read: it was written "
            "faster than lines can be read, and nobody waits for that where no metrics name it"
        )
    if not candidate.named or reader.position.rows:
        return None
    if stale:
        return f"{candidate.path} was not written since the attempt began"
    pattern = candidate.reading.pattern or candidate.reading.preset
    if pattern is not None:
        text = pattern if isinstance(pattern, str) else pattern.pattern
        return f"the pattern {text!r} matched no line of {candidate.path}"
    return f"{candidate.path} holds no record that could be read"
