"""The summary of a W&B run: the last value of each key, and what the training set itself.

A log has one or two summary records for each row, so it is read once, when the training has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainui import plain_files
from trainui.metrics.formats.protobuf import DAMAGED, fields
from trainui.metrics.formats.wandb import scan
from trainui.metrics.formats.wandb.rows import MEDIA, last_values, read_item

_UPDATE, _REMOVE = 1, 2

_MOST_BYTES = 64 << 20
"""Bytes at the end of a log that are read."""


def read(path: Path) -> dict[str, Any]:
    """Return a run's summary as its log has it; empty if it cannot be read."""
    try:
        with plain_files.open_plain(path) as file:
            size = path.stat().st_size
            begin = max(size - _MOST_BYTES, 0) // scan.BLOCK * scan.BLOCK
            file.seek(begin)
            data = file.read(_MOST_BYTES + scan.BLOCK)
    except OSError:
        return {}
    return _shown(_folded(scan.summaries(data, begin)))


def _folded(records: Sequence[bytes]) -> dict[str, Any]:
    """Return the values after all of the records."""
    last, others = last_values(records)
    for number in others:
        with suppress(*DAMAGED):
            last.update(_changes(number, records[number], last))
    return {name: value for name, (_number, value) in last.items() if value is not None}


def _changes(
    number: int, record: bytes, last: Mapping[str, tuple[int, Any]]
) -> Iterator[tuple[str, tuple[int, Any]]]:
    """Yield what a record changes, unless a later one did."""
    for key, item, _at in fields(record):
        if key in (_UPDATE, _REMOVE):
            name, value = read_item(item)
            if name not in last or last[name][0] <= number:
                yield name, (number, value if key == _UPDATE else None)


def _shown(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a summary without images, tables and the like, and without W&B's own keys."""
    media = tuple(f"{name.removesuffix(MEDIA)}." for name in summary if name.endswith(MEDIA))
    return {
        name: value
        for name, value in summary.items()
        if not name.startswith("_")
        and not (media and name.startswith(media))
        and not (isinstance(value, dict) and "_type" in value)
    }
