"""The interface of a format's decoder, with what suits a text of one record per line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainui.metrics.formats.table import Decoded
from trainui.plugin import Format


class Decoder:
    """Turns the bytes of one source into points, block by block."""

    name: str
    """The format's name, as in a source's `format`."""
    plugin: Format | None = None
    """The plugin that it is of."""
    whole = False
    """True if the file is read from its first byte at each change."""
    replaces = False
    """True if what was decoded last replaces everything before it."""
    restarts = False
    """True if what was decoded last comes from a writer that has restarted: from its first step on,
    it replaces what the files of the same attempt said before."""
    stops_short = False
    """True if more whole records follow those of the last `cut`."""
    has_marked_ends = False
    """True if a record without its end is torn, however its writer ended."""

    def __init__(
        self,
        step: str | None = None,
        state: dict[str, Any] | None = None,
        path: Path | None = None,
    ) -> None:
        """Start, or continue from a stored state.

        Args:
            step: the step field, if the source's definition names one.
            state: the state of the decoder that has read the file so far.
            path: the file; some formats take a metric's name from it.
        """
        self._step = step
        self._path = path
        self.state: dict[str, Any] = state or {}
        """State kept between blocks, as plain JSON, e.g. a table's header."""

    def begin_at(self, offset: int) -> None:
        """Take the offset in the file of what is read next, where that matters."""

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole records at the start of the data."""
        return data.rfind(b"\n") + 1

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Return True if the last bytes of a file that no longer grows are a whole record.

        If the writer was killed, `0.12` may be the beginning of `0.1234`.

        Args:
            rest: the bytes after the last whole record.
            clean: the writer ended normally, so its last record is not torn.
        """
        del rest
        return clean and not self.has_marked_ends

    def record_size(self, data: bytes) -> int | None:
        """Return the size of the record at the start of some bytes; None if it gives no length."""
        del data
        return None

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records; `first_row` is the number of records before them."""
        raise NotImplementedError

    def finish(self, first_row: int) -> Decoded:
        """Decode what was held back in case more records followed."""
        del first_row
        return Decoded()
