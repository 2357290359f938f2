"""A file that may contain an attempt's metrics, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainui.metrics.files.decoder_choice import DecoderChoice


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that may contain metrics."""

    key: str
    """Identifies the source in the store, also after its history continues in another file."""
    path: Path
    reading: DecoderChoice
    family: str | None = None
    """Set for a file that was discovered: the same numbers in another kind of file are the same
    series."""
    named: bool = False
    """The stage names it, so finding no metrics in it is a problem."""
    ours: bool = True
    """It is in the stage's own directory, so no other program has written it."""
    is_fallback: bool = False
    """It is read only if no other kind of file has metrics: log lines for people."""
    is_final: bool = False
    """It is read once, when the attempt has ended: until then other files have the same metrics."""
    begin: int = 0
    """Bytes that were there before the attempt, so another program has written them."""
    run: str = ""
    """The id of a run, if the file is a tracker's database."""
    one_of_many: bool = False
    """It was found by a pattern, so another path may be the same file, renamed."""
