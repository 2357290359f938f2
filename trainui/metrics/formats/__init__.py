"""Formats of metric files: one small module each, behind one interface, found by content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from trainui.errors import TrainuiError
from trainui.metrics.formats.csv_table import CsvTable
from trainui.metrics.formats.json_file import JsonFile
from trainui.metrics.formats.jsonl import JsonLines
from trainui.metrics.formats.table import Decoded
from trainui.metrics.formats.tfevents import EventFile
from trainui.metrics.formats.tfevents import record_size as event_record_size


class UnknownFormatError(TrainuiError):
    """What a file holds was not recognised; the message says what to write instead."""

    code = "unknown_format"


class Decoder(Protocol):
    """Turns the bytes of one source into points, in as many blocks as they come."""

    name: str
    """The format's, as a source's `format` names it."""
    whole: bool
    """Each change of the file is read from its first byte on."""
    state: dict[str, Any]
    """What it remembers between blocks, as plain JSON: a header, say."""

    def cut(self, data: bytes) -> int:
        """Return how many bytes of whole records there are at the start."""

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Tell whether the rest of a file that will not grow is a record all the same.

        Args:
            rest: what comes after the last whole record.
            clean: its writer ended by itself, so it is not torn.
        """

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records.

        Args:
            block: nothing else.
            first_row: how many records came before.
        """


_FORMATS: dict[str, Callable[[str | None, dict[str, Any]], Decoder]] = {
    "jsonl": JsonLines,
    "csv": CsvTable,
    "tsv": CsvTable,
    "json": JsonFile,
    "tfevents": EventFile,
}


def decoder(name: str, step: str | None, state: dict[str, Any]) -> Decoder:
    """Return a decoder of a format.

    Args:
        name: the format's.
        step: the field that is the step, where the source's definition names one.
        state: what the decoder that read the file so far remembered.

    Raises:
        UnknownFormatError: there is no such format.
    """
    make = _FORMATS.get(name)
    if make is None:
        raise UnknownFormatError(
            f"unknown format {name!r}; known: {', '.join(sorted(_FORMATS))}, "
            "or leave it out to have it found from the content"
        )
    return make(step, state)


def record_size(reader: Decoder, data: bytes) -> int | None:
    """Return the bytes of the record that some bytes begin with; None where only its end tells."""
    return event_record_size(data) if isinstance(reader, EventFile) else None
