"""Tools for plugins that read: growing files, lenient JSON, protobuf, databases, rows as points.

Everything here is part of the interface; where it is defined is not.
"""

from __future__ import annotations

from trainui.metrics.files.lenient_files import head, modified, size, text
from trainui.metrics.files.tail import GrowingFile, UnreadableFileError, look_at
from trainui.metrics.formats.csv_table import CsvTable
from trainui.metrics.formats.decoder import Decoder
from trainui.metrics.formats.json_file import JsonFile
from trainui.metrics.formats.lenient_json import first_objects
from trainui.metrics.formats.lenient_json import load as load_json
from trainui.metrics.formats.numbers import to_number
from trainui.metrics.formats.protobuf import DAMAGED as DAMAGED_MESSAGE
from trainui.metrics.formats.protobuf import fields as message_fields
from trainui.metrics.formats.protobuf import values as message_values
from trainui.metrics.formats.rows import SparseRows, row_points
from trainui.metrics.formats.table import Decoded
from trainui.store.points.chunks import Points

__all__ = [
    "DAMAGED_MESSAGE",
    "CsvTable",
    "Decoded",
    "Decoder",
    "GrowingFile",
    "JsonFile",
    "Points",
    "SparseRows",
    "UnreadableFileError",
    "first_objects",
    "head",
    "load_json",
    "look_at",
    "message_fields",
    "message_values",
    "modified",
    "row_points",
    "size",
    "text",
    "to_number",
]
