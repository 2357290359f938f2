"""Formats of metric files: one small module each, behind one interface, found by content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from trainui.errors import TrainuiError
from trainui.metrics.formats import presets
from trainui.metrics.formats.csv_table import CsvTable
from trainui.metrics.formats.dvclive import DvcTable
from trainui.metrics.formats.json_file import JsonFile, TrainerState
from trainui.metrics.formats.jsonl import JsonLines
from trainui.metrics.formats.mlflow import MlflowMetric
from trainui.metrics.formats.preset_lines import AnyLines, PresetLines
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

    def finish(self, first_row: int) -> Decoded:
        """Decode what was held back for records that will not come.

        Args:
            first_row: how many records came before.
        """


Make = Callable[[str | None, dict[str, Any], Path], Decoder]
"""Makes a decoder from the field that is the step, what was remembered, and the file's path."""


def _anywhere(make: Callable[[str | None, dict[str, Any]], Decoder]) -> Make:
    """Make decoders to which the path says nothing."""
    return lambda step, state, _path: make(step, state)


def _dvclive(step: str | None, state: dict[str, Any], path: Path) -> Decoder:
    return (
        JsonFile(step, state, path, alone=False)
        if path.suffix == ".json"
        else DvcTable(step, state, path)
    )


FORMATS: dict[str, Make] = {
    "jsonl": _anywhere(JsonLines),
    "csv": _anywhere(CsvTable),
    "tsv": _anywhere(CsvTable),
    "tfevents": _anywhere(EventFile),
    "hf": TrainerState,
    "json": JsonFile,
    "dvclive": _dvclive,
    "mlflow": MlflowMetric,
    "text": _anywhere(AnyLines),
}
"""By the name that a source's `format` gives; `text` is what some preset reads."""

DOCUMENTS = frozenset({JsonFile.name, TrainerState.name})
"""Formats of which each change is read from the first byte on."""


def decoder(name: str, step: str | None, state: dict[str, Any], path: Path) -> Decoder:
    """Return a decoder of a format, or of a preset's lines.

    Args:
        name: the format's.
        step: the field that is the step, where the source's definition names one.
        state: what the decoder that read the file so far remembered.
        path: the file, of which some formats take a metric's name.

    Raises:
        UnknownFormatError: there is no such format.
    """
    if (make := FORMATS.get(name)) is not None:
        return make(step, state, path)
    if presets.find(name) is not None:
        return PresetLines(name, step, state)
    raise UnknownFormatError(
        f"unknown format {name!r}; known: {', '.join(sorted(FORMATS))}, and the presets "
        f"({', '.join(presets.names())}); or leave it out to have it found from the content"
    )


def replaces(reader: Decoder) -> bool:
    """Tell whether what was decoded last stands for all that was before."""
    return isinstance(reader, JsonFile) and reader.replaces


def restarts(reader: Decoder) -> bool:
    """Tell whether what was decoded last is of a writer that has started again.

    From its first step on, it stands for what the same attempt's files held before.
    """
    return isinstance(reader, EventFile) and reader.restarts


def stops_short(reader: Decoder) -> bool:
    """Tell whether more whole records stand behind those that were cut last."""
    return isinstance(reader, EventFile) and reader.stops_short


def record_size(reader: Decoder, data: bytes) -> int | None:
    """Return the bytes of the record that some bytes begin with; None where only its end tells."""
    return event_record_size(data) if isinstance(reader, EventFile) else None
