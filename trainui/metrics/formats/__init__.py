"""Metric file formats: one small decoder module each, behind one interface, detected by content."""

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
from trainui.metrics.formats.optuna_journal import OptunaJournal
from trainui.metrics.formats.preset_lines import AnyLines, PresetLines
from trainui.metrics.formats.table import Decoded
from trainui.metrics.formats.tfevents import EventFile
from trainui.metrics.formats.tfevents import record_size as event_record_size
from trainui.metrics.formats.wandb.log_file import WandbFile


class UnknownFormatError(TrainuiError):
    """The format of a file was not recognised; the message says what to write instead."""

    code = "unknown_format"


class Decoder(Protocol):
    """Turns the bytes of one source into points, block by block."""

    name: str
    """The format's name, as in a source's `format`."""
    whole: bool
    """True if the file is read from its first byte at each change."""
    state: dict[str, Any]
    """State kept between blocks, as plain JSON, e.g. a table's header."""

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole records at the start of the data."""

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Return True if the last bytes of a file that no longer grows are a whole record.

        Args:
            rest: the bytes after the last whole record.
            clean: the writer ended normally, so its last record is not torn.
        """

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole records.

        Args:
            block: whole records only.
            first_row: the number of records before this block.
        """

    def finish(self, first_row: int) -> Decoded:
        """Decode what was held back in case more records followed.

        Args:
            first_row: the number of records before.
        """


Make = Callable[[str | None, dict[str, Any], Path], Decoder]
"""Makes a decoder from the name of the step field, the stored state and the file's path."""


def _anywhere(make: Callable[[str | None, dict[str, Any]], Decoder]) -> Make:
    """Adapt a decoder that does not need the file's path."""
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
    "wandb": WandbFile,
    "optuna": _anywhere(OptunaJournal),
    "text": _anywhere(AnyLines),
}
"""By name, as in a source's `format`; `text` means lines that a preset reads."""

DOCUMENTS = frozenset({JsonFile.name, TrainerState.name})
"""Formats that are read from the first byte at each change."""


def decoder(name: str, step: str | None, state: dict[str, Any], path: Path) -> Decoder:
    """Return a decoder of a format, or of a preset's lines.

    Args:
        name: the name of a format or of a preset.
        step: the step field, if the source's definition names one.
        state: the state of the decoder that has read the file so far.
        path: the file; some formats take a metric's name from it.

    Raises:
        UnknownFormatError: there is no such format or preset.
    """
    if (make := FORMATS.get(name)) is not None:
        return make(step, state, path)
    if presets.find(name) is not None:
        return PresetLines(name, step, state)
    raise UnknownFormatError(
        f"unknown format {name!r}; known: {', '.join(sorted(FORMATS))}, and the presets "
        f"({', '.join(presets.names())}); or leave it out to have it detected from the content"
    )


def replaces(reader: Decoder) -> bool:
    """Return True if what was decoded last replaces everything before it."""
    return isinstance(reader, JsonFile) and reader.replaces


def restarts(reader: Decoder) -> bool:
    """Return True if what was decoded last comes from a writer that has restarted.

    From its first step on, it replaces what the files of the same attempt said before.
    """
    return isinstance(reader, EventFile) and reader.restarts


def stops_short(reader: Decoder) -> bool:
    """Return True if more whole records follow those of the last `cut`."""
    return isinstance(reader, EventFile) and reader.stops_short


def record_size(reader: Decoder, data: bytes) -> int | None:
    """Return the size of the record at the start of some bytes; None if it gives no length."""
    return event_record_size(data) if isinstance(reader, EventFile) else None
