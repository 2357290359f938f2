"""Tools for plugins that read: growing files, lenient JSON, databases, rows as points.

Everything here is part of the interface; where it is defined is not. `files` and `plain_files` are
modules: reads of files that may be missing, and reads that never block on a FIFO.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from trainui import system as plain_files
from trainui.metrics import lenient as files
from trainui.metrics.discovery.default_sources import family_of, fold_prefix, is_part
from trainui.metrics.discovery.trainings import clear_name, of_directory, settings
from trainui.metrics.formats import UnknownFormatError
from trainui.metrics.formats.csv_table import CsvTable
from trainui.metrics.formats.decoder import (
    Decoded,
    Decoder,
    SparseRows,
    WholeTable,
    dotted_leaves,
    dotted_numbers,
    row_points,
)
from trainui.metrics.formats.decoder import of_job as job_label
from trainui.metrics.formats.jsonl import JsonFile
from trainui.metrics.formats.text.forms import NUMBER
from trainui.metrics.formats.text.forms import without_prefix as message
from trainui.metrics.formats.text.names import split_metrics
from trainui.metrics.lenient import (
    as_json,
    first_objects,
    flat,
    leading_number,
    load_yaml,
    to_number,
)
from trainui.metrics.lenient import load_json as load_json
from trainui.metrics.tail import GrowingFile, UnreadableFileError, look_at, raise_shortage
from trainui.metrics.trackers import MOST_ROWS, columns, tracked
from trainui.metrics.trackers import of_database as tracked_runs
from trainui.store.points.chunks import (
    NO_TIME,
    Bools,
    Bytes,
    Floats,
    Ints,
    Points,
    Steps,
    whole_steps,
)

__all__ = [
    "MOST_ROWS",
    "NO_TIME",
    "NUMBER",
    "Bools",
    "Bytes",
    "CsvTable",
    "Decoded",
    "Decoder",
    "Floats",
    "GrowingFile",
    "Ints",
    "JsonFile",
    "Points",
    "SparseRows",
    "Steps",
    "UnknownFormatError",
    "UnreadableFileError",
    "WholeTable",
    "as_json",
    "clear_name",
    "columns",
    "dotted_leaves",
    "dotted_numbers",
    "family_of",
    "files",
    "first_objects",
    "flat",
    "fold_prefix",
    "is_part",
    "job_label",
    "leading_number",
    "load_json",
    "load_yaml",
    "look_at",
    "message",
    "of_directory",
    "plain_files",
    "raise_shortage",
    "row_points",
    "settings",
    "split_metrics",
    "to_number",
    "tracked",
    "tracked_runs",
    "whole_steps",
]


# Protobuf's wire format, field by field: https://protobuf.dev/programming-guides/encoding.

PROTOBUF_ERRORS = (ValueError, IndexError, TypeError, AttributeError, OverflowError, struct.error)
"""Errors from a message whose fields are cut off, or of another type than they should be."""


def protobuf_fields(
    data: bytes, start: int = 0, end: int | None = None
) -> Iterator[tuple[int, Any, int]]:
    """Yield each field of a message: its key, its value, and the offset of the value.

    Varints are returned as ints, everything else as bytes.

    Raises:
        ValueError: the wire type is unknown.
        IndexError: the message is truncated.
    """
    at, end = start, len(data) if end is None else end
    while at < end:
        tag, at = varint(data, at)
        key, kind = tag >> 3, tag & 7
        value: Any
        begun = at
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, begun = varint(data, at)
            value, at = data[begun : begun + size], begun + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"a wire type that is not used: {kind}")
        yield key, value, begun


def values(data: bytes) -> defaultdict[int, list[Any]]:
    """Return the values of a message's fields by their keys; raises as `protobuf_fields` does."""
    found = defaultdict[int, list[Any]](list)
    for key, value, _begin in protobuf_fields(data):
        found[key].append(value)
    return found


def signed(number: int) -> int:
    """Return the number that a varint means as an int64."""
    return number - 2**64 if number >= 2**63 else number


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a varint (one to ten bytes), and the offset of its end."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
