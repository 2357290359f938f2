"""DVCLive's directory: one table per metric in `plots/metrics`, and `metrics.json`.

The rule: a table's metric is named by its path below `plots/metrics`, and `metrics.json` beside
the tables has no history: only its newest values count.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui.metrics.formats.csv_table import CsvTable
from trainui.metrics.formats.table import Decoded

_PLOTS = ("plots", "metrics")


def metric_name(path: Path) -> str | None:
    """Return the name of the metric in a table; None for any other file."""
    at = _plots_in(path)
    return None if at is None else "/".join((*path.parts[at + 2 : -1], path.stem))


def parameters_file(table: Path) -> Path | None:
    """Return the path of the parameters of a table's run; None if it is no such table."""
    at = _plots_in(table)
    return None if at is None else Path(*table.parts[:at], "params.yaml")


def _plots_in(table: Path) -> int | None:
    """Return the place of `plots/metrics` in a table's path; None for any other file."""
    if table.suffix not in (".tsv", ".csv"):
        return None
    places = range(len(table.parts) - 3, -1, -1)
    return next((at for at in places if table.parts[at : at + 2] == _PLOTS), None)


def is_summary(path: Path) -> bool:
    """Return True if a file is the `metrics.json` beside the tables."""
    return path.suffix == ".json" and path.parent.joinpath(*_PLOTS).is_dir()


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
