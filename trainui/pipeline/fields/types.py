"""Field types of pipeline files: a reader (`readers`) and a JSON Schema for each."""

from __future__ import annotations

import signal
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from trainui.domain.definition import ALERT_ACTIONS, METRIC_FORMATS, METRIC_PRESETS, Json
from trainui.pipeline.fields import duration, memory_size, names, readers

_TEXT_SCHEMA: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_TEXTS_SCHEMA = {"type": "array", "items": _TEXT_SCHEMA}
FILLED_SCHEMA = {"type": "string", "pattern": r"\$\{"}
"""JSON Schema of a value that contains a parameter."""


Text = Annotated[str, BeforeValidator(readers.as_text), WithJsonSchema(_TEXT_SCHEMA)]
"""Text as written."""

Item = Annotated[str, BeforeValidator(readers.as_item), WithJsonSchema(_TEXT_SCHEMA)]
"""An item of a list of texts."""

PathItem = Annotated[
    str, BeforeValidator(readers.path), WithJsonSchema({**_TEXT_SCHEMA, "pattern": r"\S"})
]
"""A path or glob."""

Pattern = Annotated[str, BeforeValidator(readers.pattern), WithJsonSchema(_TEXT_SCHEMA)]
"""A regular expression."""

StreamPattern = Annotated[
    str,
    BeforeValidator(readers.pattern),
    WithJsonSchema({"anyOf": [{"enum": list(METRIC_PRESETS)}, _TEXT_SCHEMA]}),
]
"""A regular expression, or the name of a preset."""

Format = Annotated[
    str,
    BeforeValidator(readers.metric_format),
    WithJsonSchema({"anyOf": [{"enum": list(METRIC_FORMATS)}, FILLED_SCHEMA]}),
]
"""The name of a metrics format."""

Restarts = Annotated[
    str,
    BeforeValidator(readers.word(("continue",), "bad-restarts")),
    WithJsonSchema({"enum": ["continue"]}),
]
"""How to treat a step counter that restarts from zero in each attempt."""

StageName = Annotated[
    str,
    BeforeValidator(readers.named(names.stage_name_fault)),
    WithJsonSchema(
        {"type": ["string", "integer", "boolean"], "pattern": r"^(?! )[^/.\[\]{}$]{1,64}(?<! )$"}
    ),
]
"""A stage's name."""

PipelineName = Annotated[
    str, BeforeValidator(readers.named(names.pipeline_name_fault)), WithJsonSchema(_TEXT_SCHEMA)
]
"""A pipeline's name."""

MatrixKey = Annotated[str, BeforeValidator(readers.named(names.matrix_key_fault))]
"""A key of a matrix."""

ParamKey = Annotated[str, BeforeValidator(readers.named(names.param_key_fault))]
"""A key of the pipeline's `params`."""

VariableName = Annotated[str, BeforeValidator(readers.named(names.variable_fault))]
"""The name of an environment variable."""

Command = Annotated[
    str | tuple[str, ...],
    BeforeValidator(readers.command),
    WithJsonSchema({"anyOf": [_TEXT_SCHEMA, {**_TEXTS_SCHEMA, "minItems": 1}]}),
]
"""Shell text, or an argument list."""


def _duration_schema(least: dict[str, int]) -> dict[str, Any]:
    text = {"type": "string", "pattern": rf"^\s*({duration.PATTERN})\s*$|\$\{{"}
    examples = ["90s", "30m", "12h", "1h30m"]
    return {"anyOf": [text, {"type": "number", **least}], "examples": examples}


Duration = Annotated[
    float,
    BeforeValidator(readers.seconds(zero=False)),
    WithJsonSchema(_duration_schema({"exclusiveMinimum": 0, "maximum": duration.LONGEST})),
]
"""Seconds, above 0."""

Delay = Annotated[
    float,
    BeforeValidator(readers.seconds(zero=True)),
    WithJsonSchema(_duration_schema({"minimum": 0, "maximum": duration.LONGEST})),
]
"""Seconds, 0 or more."""


def whole_schema(least: int, most: int = readers.LARGEST) -> dict[str, Any]:
    """Return the JSON Schema of whole numbers."""
    return {
        "anyOf": [{"type": "integer", "minimum": least, "maximum": most}, FILLED_SCHEMA],
    }


Count = Annotated[int, BeforeValidator(readers.whole(0)), WithJsonSchema(whole_schema(0))]
"""A whole number, 0 or more."""

PositiveCount = Annotated[int, BeforeValidator(readers.whole(1)), WithJsonSchema(whole_schema(1))]
"""A whole number, 1 or more."""

_SIZE_TEXT = {"type": "string", "pattern": rf"^\s*({memory_size.PATTERN})\s*$|\$\{{"}

Size = Annotated[
    int,
    BeforeValidator(readers.size),
    WithJsonSchema(
        {"anyOf": [_SIZE_TEXT, {"type": "number", "exclusiveMinimum": 0}], "examples": ["24G"]}
    ),
]
"""Bytes."""

Flag = Annotated[
    bool,
    BeforeValidator(readers.flag),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, FILLED_SCHEMA]}),
]
"""True or false."""


def _signal_schema() -> dict[str, Any]:
    known = sorted(member.name.removeprefix("SIG") for member in signal.Signals)
    any_case = "|".join("".join(f"[{c}{c.lower()}]" for c in name) for name in known)
    numbers = sorted(int(number) for number in signal.valid_signals())
    written = "|".join(map(str, numbers))
    pattern = rf"^\s*(([Ss][Ii][Gg])?({any_case})|{written})\s*$|\$\{{"
    return {
        "anyOf": [{"enum": known}, {"enum": numbers}, {"type": "string", "pattern": pattern}],
        "examples": ["TERM", "INT", "USR1"],
    }


Signal = Annotated[str, BeforeValidator(readers.signal_name), WithJsonSchema(_signal_schema())]
"""A signal's name without SIG."""

Task = Annotated[str, BeforeValidator(readers.task), WithJsonSchema(_TEXT_SCHEMA)]
"""The name of a task or function."""

TaskParam = Annotated[Json, BeforeValidator(readers.json_value), WithJsonSchema({})]
"""Any JSON value."""

Parameter = Annotated[str, BeforeValidator(readers.parameter), WithJsonSchema(_TEXT_SCHEMA)]
"""The value of a parameter, as text."""

Choices = Annotated[
    tuple[str, ...],
    BeforeValidator(readers.choices),
    WithJsonSchema({**_TEXTS_SCHEMA, "minItems": 1}),
]
"""The values of one key of a matrix."""

Number = Annotated[
    float,
    BeforeValidator(readers.real_number),
    WithJsonSchema({"anyOf": [{"type": "number"}, FILLED_SCHEMA]}),
]
"""Any finite number."""

True_ = Annotated[bool, BeforeValidator(readers.only_true), WithJsonSchema({"enum": [True]})]
"""Only `true`."""

Goal = Annotated[
    str,
    BeforeValidator(readers.word(("min", "max"), "bad-goal")),
    WithJsonSchema({"enum": ["min", "max"]}),
]
"""`min` or `max`: whether lower or higher values of a metric are better."""

Action = Annotated[
    str,
    BeforeValidator(readers.word(ALERT_ACTIONS, "bad-action")),
    WithJsonSchema({"enum": list(ALERT_ACTIONS)}),
]
"""The action of an alert."""
