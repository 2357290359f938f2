"""Metric file formats: one small decoder module each, behind one interface, detected by content.

Read `decoder` first (the interface), then `jsonl` (a small decoder) and `detect`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainui.errors import TrainuiError
from trainui.metrics.formats.csv_table import CsvTable
from trainui.metrics.formats.decoder import Decoder as Decoder
from trainui.metrics.formats.dvclive import DvcTable
from trainui.metrics.formats.json_file import JsonFile, TrainerState
from trainui.metrics.formats.jsonl import JsonLines
from trainui.metrics.formats.mlflow import MlflowMetric
from trainui.metrics.formats.optuna_journal import OptunaJournal
from trainui.metrics.formats.tensorboard.event_file import EventFile
from trainui.metrics.formats.text import presets
from trainui.metrics.formats.text.preset_lines import AnyLines, PresetLines
from trainui.metrics.formats.wandb.log_file import WandbFile


class UnknownFormatError(TrainuiError):
    """The format of a file was not recognised; the message says what to write instead."""

    code = "unknown_format"


def _dvclive(step: str | None, state: dict[str, Any], path: Path) -> Decoder:
    return (
        JsonFile(step, state, path, alone=False)
        if path.suffix == ".json"
        else DvcTable(step, state, path)
    )


def _trackio(_step: str | None, _state: dict[str, Any], path: Path) -> Decoder:
    raise UnknownFormatError(f"{path} is not a database of Trackio; leave its format out")


FORMATS: dict[str, Callable[[str | None, dict[str, Any], Path], Decoder]] = {
    "jsonl": JsonLines,
    "csv": CsvTable,
    "tsv": CsvTable,
    "tfevents": EventFile,
    "hf": TrainerState,
    "json": JsonFile,
    "dvclive": _dvclive,
    "mlflow": MlflowMetric,
    "wandb": WandbFile,
    "optuna": OptunaJournal,
    "trackio": _trackio,
    "text": AnyLines,
}
"""Makers of decoders by the name in a source's `format`; they take the arguments of `Decoder`.

`text` means lines that a preset reads. Databases of `mlflow`, `optuna` and `trackio` have no
decoder: `metrics.trackers` reads them.
"""

DOCUMENTS = frozenset({JsonFile.name, TrainerState.name})
"""Formats that are read from the first byte at each change."""


def decoder(name: str, step: str | None, state: dict[str, Any], path: Path) -> Decoder:
    """Return a decoder of a format, or of a preset's lines, by its name.

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
