"""Field types of pipeline files: a reader (`readers`) and a JSON Schema for each."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler

from trainui.model.definition import ALERT_ACTIONS, Json
from trainui.pipeline.fields import names, notation, readers

_TEXT_SCHEMA: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_TEXTS_SCHEMA = {"type": "array", "items": _TEXT_SCHEMA}


def or_filled(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a value, or of a text that contains a parameter."""
    return {"anyOf": [schema, {"type": "string", "pattern": r"\$\{"}]}


class FieldReader:
    """Metadata of an annotated type: a field's reader, and the JSON Schema for what it reads."""

    def __init__(
        self, read: Callable[..., Any], schema: dict[str, Any] | Callable[[], dict[str, Any]]
    ) -> None:
        self._read = read
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return BeforeValidator(self._read).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, *_: Any) -> dict[str, Any]:
        return self._schema() if callable(self._schema) else self._schema.copy()


def one_of(words: Sequence[str], code: str) -> FieldReader:
    """Return the reader of a field that is one of some words."""
    return FieldReader(readers.word(tuple(words), code), {"enum": list(words)})


def whole(least: int, most: int = readers.LARGEST) -> FieldReader:
    """Return the reader of a whole number."""
    number = {"type": "integer", "minimum": least, "maximum": most}
    return FieldReader(readers.whole(least, most), or_filled(number))


Text = Annotated[str, FieldReader(readers.as_text, _TEXT_SCHEMA)]
"""Text as written."""

Item = Annotated[str, FieldReader(readers.as_item, _TEXT_SCHEMA)]
"""An item of a list of texts."""

PathItem = Annotated[str, FieldReader(readers.path, {**_TEXT_SCHEMA, "pattern": r"\S"})]
"""A path or glob."""

Pattern = Annotated[str, FieldReader(readers.pattern, _TEXT_SCHEMA)]
"""A regular expression."""

StreamPattern = Annotated[
    str,
    FieldReader(readers.pattern, lambda: {"anyOf": [{"enum": [*readers.presets()]}, _TEXT_SCHEMA]}),
]
"""A regular expression, or the name of a preset."""

Format = Annotated[
    str,
    FieldReader(readers.metric_format, lambda: or_filled({"enum": list(readers.formats())})),
]
"""The name of a metrics format."""

Restarts = Annotated[str, one_of(("continue",), "bad-restarts")]
"""How to treat a step counter that restarts from zero in each attempt."""

StageName = Annotated[
    str,
    FieldReader(
        readers.named(names.stage_name_fault),
        {"type": ["string", "integer", "boolean"], "pattern": r"^(?! )[^/.\[\]{}$]{1,64}(?<! )$"},
    ),
]
"""A stage's name."""

PipelineName = Annotated[str, FieldReader(readers.named(names.pipeline_name_fault), _TEXT_SCHEMA)]
"""A pipeline's name."""

MatrixKey = Annotated[str, BeforeValidator(readers.named(names.key_fault))]
"""A key of a matrix."""

ParamKey = Annotated[
    str, BeforeValidator(readers.named(partial(names.key_fault, pattern=names.PARAM_KEY)))
]
"""A key of the pipeline's `params`."""

VariableName = Annotated[str, BeforeValidator(readers.named(names.variable_fault))]
"""The name of an environment variable."""

Command = Annotated[
    str | tuple[str, ...],
    FieldReader(readers.command, {"anyOf": [_TEXT_SCHEMA, {**_TEXTS_SCHEMA, "minItems": 1}]}),
]
"""Shell text, or an argument list."""


def _duration(*, zero: bool) -> FieldReader:
    text = {"type": "string", "pattern": rf"^\s*({notation.DURATION_PATTERN})\s*$|\$\{{"}
    least = {"minimum" if zero else "exclusiveMinimum": 0}
    number = {"type": "number", **least, "maximum": notation.LONGEST}
    schema = {"anyOf": [text, number], "examples": ["90s", "30m", "12h", "1h30m"]}
    return FieldReader(readers.seconds(zero=zero), schema)


Duration = Annotated[float, _duration(zero=False)]
"""Seconds, above 0."""

Delay = Annotated[float, _duration(zero=True)]
"""Seconds, 0 or more."""

Count = Annotated[int, whole(0)]
"""A whole number, 0 or more."""

PositiveCount = Annotated[int, whole(1)]
"""A whole number, 1 or more."""

_SIZE_TEXT = {"type": "string", "pattern": rf"^\s*({notation.SIZE_PATTERN})\s*$|\$\{{"}

Size = Annotated[
    int,
    FieldReader(
        readers.size,
        {"anyOf": [_SIZE_TEXT, {"type": "number", "exclusiveMinimum": 0}], "examples": ["24G"]},
    ),
]
"""Bytes."""

Flag = Annotated[bool, FieldReader(readers.flag, or_filled({"type": "boolean"}))]
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


Signal = Annotated[str, FieldReader(readers.signal_name, _signal_schema())]
"""A signal's name without SIG."""

Task = Annotated[str, FieldReader(readers.task, _TEXT_SCHEMA)]
"""The name of a task or function."""

TaskParam = Annotated[Json, FieldReader(readers.json_value, {})]
"""Any JSON value."""

Executor = Annotated[
    tuple[str, dict[str, Json]],
    FieldReader(
        readers.executor,
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": {"type": ["object", "null"]},
                },
            ],
            "examples": ["local"],
        },
    ),
]
"""The name of an executor, alone or with its options."""

Parameter = Annotated[str, FieldReader(readers.parameter, _TEXT_SCHEMA)]
"""The value of a parameter, as text."""

Choices = Annotated[tuple[str, ...], FieldReader(readers.choices, {**_TEXTS_SCHEMA, "minItems": 1})]
"""The values of one key of a matrix."""

Number = Annotated[float, FieldReader(readers.real_number, or_filled({"type": "number"}))]
"""Any finite number."""

True_ = Annotated[bool, FieldReader(readers.only_true, {"enum": [True]})]
"""Only `true`."""

Goal = Annotated[str, one_of(("min", "max"), "bad-goal")]
"""`min` or `max`: whether lower or higher values of a metric are better."""

Action = Annotated[str, one_of(ALERT_ACTIONS, "bad-action")]
"""The action of an alert."""
