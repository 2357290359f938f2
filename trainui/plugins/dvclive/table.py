"""DVCLive's directory: one table per metric in `plots/metrics`, and `metrics.json`.

The rule: a table's metric is named by its path below `plots/metrics`, and `metrics.json` beside
the tables has no history: only its newest values count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui.plugin import FoundFile, Place, Training
from trainui.plugin.reading import (
    CsvTable,
    Decoded,
    Decoder,
    JsonFile,
    load_yaml,
    of_directory,
    settings,
)

_PLOTS = ("plots", "metrics")

_QUIET = 60.0
"""Seconds without a change after which a training has ended: it opens its files for each write."""


def metric_name(path: Path) -> str | None:
    """Return the name of the metric in a table; None for any other file."""
    at = _plots_in(path)
    return None if at is None else "/".join((*path.parts[at + 2 : -1], path.stem))


def _plots_in(table: Path) -> int | None:
    """Return the place of `plots/metrics` in a table's path; None for any other file."""
    if table.suffix not in (".tsv", ".csv"):
        return None
    places = range(len(table.parts) - 3, -1, -1)
    return next((at for at in places if table.parts[at : at + 2] == _PLOTS), None)


def is_summary(path: Path) -> bool:
    """Return True if a file is the `metrics.json` beside the tables."""
    return path.suffix == ".json" and path.parent.joinpath(*_PLOTS).is_dir()


def is_table(path: Path) -> bool:
    """Return True if a file is the table of a metric."""
    return _plots_in(path) is not None


def find(path: Path, root: Path | None) -> FoundFile | None:
    """Return how a table or the summary is read; None for any other file."""
    del root
    if is_summary(path):
        return FoundFile(kind="summary", is_sure=True, is_final=True)
    return FoundFile(is_sure=True) if is_table(path) else None


def training(place: Place) -> Training | None:
    """Return the training of a directory with `plots/metrics`."""
    if "plots" not in place.directories or not place.path.joinpath(*_PLOTS).is_dir():
        return None
    params = settings(place, "params.yaml")
    return of_directory("dvclive", place, params=params, quiet=_QUIET)


def parameters(path: Path) -> Mapping[str, Any] | None:
    """Return the parameters of a table's run; None for any other file."""
    at = _plots_in(path)
    return None if at is None else load_yaml(Path(*path.parts[:at], "params.yaml"))


def decoder(step: str | None, state: dict[str, Any], path: Path) -> Decoder:
    """Return the decoder of a table or of the summary."""
    if path.suffix == ".json":
        return JsonFile(step, state, path, alone=False, is_summary=is_summary(path))
    return DvcTable(step, state, path)


class DvcTable(CsvTable):
    """Decodes the table of one metric."""

    name = "dvclive"

    def __init__(self, step: str | None, state: dict[str, Any], path: Path) -> None:
        super().__init__(step, state)
        self._metric = metric_name(path) or path.stem

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        decoded = super().decode(block, first_row)
        last = self._metric.rpartition("/")[2]
        if last not in decoded.series:
            return decoded
        # Besides the step, each table may have a time column.
        return replace(decoded, series={self._metric: decoded.series[last]})
