"""Tools for plugins that read: growing files, lenient JSON, databases, rows as points.

Everything here, and `trainui.plugin.protobuf`, is part of the interface; where it is defined is
not. `files` and `plain_files` are modules: reads of files that may be missing, and reads that never
block on a FIFO.
"""

from __future__ import annotations

from trainui.metrics import lenient_files as files
from trainui.metrics.discovery.default_sources import family_of, fold_prefix, is_part
from trainui.metrics.discovery.tracker_runs import of_database as tracked_runs
from trainui.metrics.discovery.trainings import of_directory, settings
from trainui.metrics.formats import UnknownFormatError
from trainui.metrics.formats.csv_table import CsvTable
from trainui.metrics.formats.decoder import Decoded, Decoder, WholeTable
from trainui.metrics.formats.jsonl import JsonFile
from trainui.metrics.formats.lenient_text import first_objects, leading_number, to_number
from trainui.metrics.formats.lenient_text import load_json as load_json
from trainui.metrics.formats.rows import SparseRows, dotted_leaves, dotted_numbers, row_points
from trainui.metrics.formats.rows import of_job as job_label
from trainui.metrics.formats.text.forms import NUMBER
from trainui.metrics.formats.text.forms import without_prefix as message
from trainui.metrics.formats.text.pairs import split_metrics
from trainui.metrics.lenient_files import as_json, flat, load_yaml
from trainui.metrics.tail import GrowingFile, UnreadableFileError, look_at, raise_shortage
from trainui.metrics.trackers import MOST_ROWS, columns, tracked
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
from trainui.system import plain_files

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
