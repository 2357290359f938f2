"""Field types of pipeline files: a reader (`readers`) and a JSON Schema for each."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from functools import partial

from trainui.domain.definition import ALERT_ACTIONS, METRIC_FORMATS, METRIC_PRESETS
from trainui.pipeline.fields import duration, memory_size, names, readers
from trainui.pipeline.fields.record import FieldType, Schema, listed, mapping

TEXT_SCHEMA: Schema = {"type": ["string", "number", "boolean", "null"]}
_TEXTS_SCHEMA: Schema = {"type": "array", "items": TEXT_SCHEMA, "minItems": 1}


def or_filled(schema: Schema) -> Schema:
    """Return the JSON Schema of a value, or of a text that contains a parameter."""
    return {"anyOf": [schema, {"type": "string", "pattern": r"\$\{"}]}


def one_of(words: Sequence[str], code: str) -> FieldType:
    """Return the type of a field that is one of some words."""
    return FieldType(readers.word(words, code), {"enum": list(words)})


def whole(least: int, most: int = readers.LARGEST) -> FieldType:
    """Return the type of a whole number."""
    number = {"type": "integer", "minimum": least, "maximum": most}
    return FieldType(readers.whole(least, most), or_filled(number))


def _duration(*, zero: bool) -> FieldType:
    """Return the type of a duration, in seconds; `zero`: 0 is allowed."""
    text = {"type": "string", "pattern": rf"^\s*({duration.PATTERN})\s*$|\$\{{"}
    least = {"minimum" if zero else "exclusiveMinimum": 0}
    number = {"type": "number", **least, "maximum": duration.LONGEST}
    schema = {"anyOf": [text, number], "examples": ["90s", "30m", "12h", "1h30m"]}
    return FieldType(readers.seconds(zero=zero), schema)


def _signal_schema() -> Schema:
    known = sorted(member.name.removeprefix("SIG") for member in signal.Signals)
    any_case = "|".join("".join(f"[{c}{c.lower()}]" for c in name) for name in known)
    numbers = sorted(int(number) for number in signal.valid_signals())
    written = "|".join(map(str, numbers))
    pattern = rf"^\s*(([Ss][Ii][Gg])?({any_case})|{written})\s*$|\$\{{"
    return {
        "anyOf": [{"enum": known}, {"enum": numbers}, {"type": "string", "pattern": pattern}],
        "examples": ["TERM", "INT", "USR1"],
    }


TEXT = FieldType(readers.as_text, TEXT_SCHEMA)
ITEM = FieldType(readers.as_item, TEXT_SCHEMA)
"""A text that is not left out."""
PATH = FieldType(readers.path, {**TEXT_SCHEMA, "pattern": r"\S"})
"""A path or glob."""
PATTERN = FieldType(readers.pattern, TEXT_SCHEMA)
"""A regular expression."""
STREAM_PATTERN = FieldType(
    readers.pattern, {"anyOf": [{"enum": list(METRIC_PRESETS)}, TEXT_SCHEMA]}
)
"""A regular expression, or the name of a preset."""
FORMAT = FieldType(readers.metric_format, or_filled({"enum": list(METRIC_FORMATS)}))
"""The name of a metrics format."""
RESTARTS = one_of(("continue",), "bad-restarts")
"""How to treat a step counter that restarts from zero in each attempt."""
STAGE_NAME = FieldType(
    readers.named(names.stage_name_fault),
    {"type": ["string", "integer", "boolean"], "pattern": r"^(?! )[^/.\[\]{}$]{1,64}(?<! )$"},
)
PIPELINE_NAME = FieldType(readers.named(names.pipeline_name_fault), TEXT_SCHEMA)
COMMAND = FieldType(readers.command, {"anyOf": [TEXT_SCHEMA, _TEXTS_SCHEMA]})
"""Shell text, or an argument list."""
DURATION = _duration(zero=False)
"""Seconds, above 0."""
DELAY = _duration(zero=True)
"""Seconds, 0 or more."""
COUNT = whole(0)
POSITIVE_COUNT = whole(1)
_SIZE_TEXT = {"type": "string", "pattern": rf"^\s*({memory_size.PATTERN})\s*$|\$\{{"}
SIZE = FieldType(
    readers.size,
    {"anyOf": [_SIZE_TEXT, {"type": "number", "exclusiveMinimum": 0}], "examples": ["24G"]},
)
"""Bytes."""
FLAG = FieldType(readers.flag, or_filled({"type": "boolean"}))
SIGNAL = FieldType(readers.signal_name, _signal_schema())
"""A signal's name without SIG."""
TASK = FieldType(readers.task, TEXT_SCHEMA)
"""The name of a task or function."""
NUMBER = FieldType(lambda value: float(readers.number(value)), or_filled({"type": "number"}))
TRUE = FieldType(readers.only_true, {"enum": [True]})
GOAL = one_of(("min", "max"), "bad-goal")
"""If lower or higher values of a metric are better."""
ACTION = one_of(ALERT_ACTIONS, "bad-action")
"""The action of an alert."""

ITEMS = listed(ITEM)
PATHS = listed(PATH)
TASK_PARAMS = mapping(lambda _: None, FieldType(readers.json_value, {}))
"""Keyword arguments: JSON values."""
ENVIRONMENT = mapping(names.variable_fault, TEXT, propertyNames={"pattern": names.VARIABLE_NAME})
MATRIX = mapping(
    names.key_fault,
    FieldType(readers.choices, _TEXTS_SCHEMA),
    propertyNames={"pattern": names.MATRIX_KEY},
)
PARAMETERS = mapping(
    partial(names.key_fault, pattern=names.PARAM_KEY),
    FieldType(readers.parameter, TEXT_SCHEMA),
    propertyNames={"pattern": names.PARAM_KEY},
)
"""The pipeline's parameters, as text."""
