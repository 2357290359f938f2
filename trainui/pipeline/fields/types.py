"""Field types of pipeline files: each converts a node to plain data or explains the error."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from trainui.domain.definition import ALERT_ACTIONS, METRIC_FORMATS, METRIC_PRESETS, Json
from trainui.pipeline.fields import duration, memory_size, names
from trainui.pipeline.fields.parameters import Parameters
from trainui.pipeline.yaml.nodes import Scalar, json_of, kind_of
from trainui.pipeline.yaml.problems import did_you_mean, quoted

_T = TypeVar("_T")

LARGEST = 1_000_000
"""Upper limit of every integer field; a larger number is assumed to be a typing error."""

REPORTED = "reported-elsewhere"
"""Code of an error that another check reports with a better message."""

_TEXT_SCHEMA: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_TEXTS_SCHEMA = {"type": "array", "items": _TEXT_SCHEMA}
FILLED_SCHEMA = {"type": "string", "pattern": r"\$\{"}
"""JSON Schema of a value that contains a parameter."""


def fault(code: str, message: str, *at: str | int, key: bool = False) -> PydanticCustomError:
    """Return the error for a value; the message follows the field's name, e.g. "must be text".

    Args:
        code: the problem's code.
        message: its text.
        at: where in the value it is: keys and indices.
        key: True: the last key itself is wrong, and not its value.
    """
    return PydanticCustomError(code, "{message}", {"message": message, "at": at, "key": key})


def _text(value: Any) -> str:
    if not isinstance(value, Scalar):
        raise fault("wrong-type", f"must be text, not {kind_of(value)}")
    return value.text


def _item(value: Any) -> str:
    text = _text(value)
    if text == "" and value.plain:
        raise fault("wrong-type", 'is empty; write "" where empty text is meant')
    return text


def _path(value: Any) -> str:
    text = _item(value)
    if not text.strip():
        raise fault("wrong-type", "is empty; give a path, or omit it")
    return text


def _pattern(value: Any) -> str:
    text = _text(value)
    if "${" not in text:
        compile_pattern(text)
    return text


def _format(value: Any) -> str:
    text = _item(value)
    if "${" not in text and text not in METRIC_FORMATS:
        near = did_you_mean(text, METRIC_FORMATS) or f"; it may be {', '.join(METRIC_FORMATS)}"
        raise fault("bad-format", f"is not a format of metrics: {quoted(text)}{near}")
    return text


def word(words: tuple[str, ...], code: str) -> Callable[[Any], str]:
    """Return a reader of one of these words."""

    def read(value: Any) -> str:
        text = _item(value)
        if text not in words:
            near = did_you_mean(text, words) or f"; it may be {', '.join(words)}"
            raise fault(code, f"is {quoted(text)}{near}")
        return text

    return read


def compile_pattern(text: str) -> re.Pattern[str]:
    """Compile a regular expression; if it is invalid, raise the error for the field."""
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise fault("bad-pattern", f"is not a regular expression: {error}") from error


def _named(check: Callable[[str], str | None]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        text = value if isinstance(value, str) else _text(value)
        if problem := check(text):
            raise fault("bad-name", problem)
        return text

    return read


def _command(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, list):
        items = tuple(_at(index, _item, item) for index, item in enumerate(value))
        if not items or not items[0].strip():
            raise fault("no-command", "names no program; its first item is the program")
        return items
    if not isinstance(value, Scalar):
        raise fault("wrong-type", f"must be shell text or a list of words, not {kind_of(value)}")
    if not value.text.strip():
        raise fault("no-command", "is empty; write a command")
    return value.text


def within(read: Callable[[Any], _T], value: Any, *at: str | int) -> _T:
    """Read a part of a value; an error gets its place within the value."""
    try:
        return read(value)
    except PydanticCustomError as error:
        context = error.context or {}
        place, key = context.get("at", ()), context.get("key", False)
        raise fault(error.type, error.message(), *at, *place, key=key) from error


def _at(index: int, read: Callable[[Any], str], item: Any) -> str:
    try:
        return read(item)
    except PydanticCustomError as error:
        raise fault(error.type, f"item {index + 1} {error.message()}") from error


def expanded(value: Any, info: ValidationInfo, expected: str) -> Scalar:
    """Return a scalar with its parameters substituted; `expected` is for the message."""
    if not isinstance(value, Scalar):
        raise fault("wrong-type", f"must be {expected}, not {kind_of(value)}")
    parameters: Parameters = (info.context or {}).get("parameters", Parameters())
    filled = parameters.expand(value)
    if filled is None:
        raise fault(REPORTED, "")
    return filled


def typed(scalar: Scalar) -> Json:
    """Return a scalar's value in the YAML core schema."""
    try:
        return scalar.value
    except ValueError as error:
        raise fault("wrong-type", f"is out of range: {error}") from error


def whole(least: int, most: int = LARGEST) -> Callable[[Any, ValidationInfo], int]:
    """Return a reader of whole numbers."""
    expected = f"a whole number of at least {least}"

    def read(value: Any, info: ValidationInfo) -> int:
        scalar = expanded(value, info, expected)
        number = typed(scalar)
        if not isinstance(number, int) or isinstance(number, bool):
            raise fault("wrong-type", f"must be {expected}, not {quoted(scalar.text)}")
        if not least <= number <= most:
            raise fault("out-of-range", f"must be {expected} and at most {most}, not {number}")
        return number

    return read


def number(value: Any, info: ValidationInfo) -> int | float:
    """Return a number, an int where it is written as one."""
    scalar = expanded(value, info, "a number")
    found = typed(scalar)
    if not isinstance(found, int | float) or isinstance(found, bool):
        raise fault("wrong-type", f"must be a number, not {quoted(scalar.text)}")
    return found


def _number(value: Any, info: ValidationInfo) -> float:
    return float(number(value, info))


def _true(value: Any, info: ValidationInfo) -> bool:
    if not flag(value, info):
        raise fault("wrong-type", "must be true; leave the alert out for false")
    return True


def flag(value: Any, info: ValidationInfo) -> bool:
    """Return true or false."""
    scalar = expanded(value, info, "true or false")
    found = typed(scalar)
    if not isinstance(found, bool):
        raise fault("wrong-type", f"must be true or false, not {quoted(scalar.text)}")
    return found


def _duration(*, zero: bool) -> Callable[[Any, ValidationInfo], float]:
    def read(value: Any, info: ValidationInfo) -> float:
        scalar = expanded(value, info, "a duration such as 90s, 30m or 1h30m")
        try:
            seconds = duration.parse(scalar.text)
        except ValueError as error:
            raise fault("bad-duration", f"{error}, not {quoted(scalar.text)}") from error
        if not zero and seconds == 0:
            raise fault("bad-duration", "must be above 0; omit it for no limit")
        return seconds

    return read


def _size(value: Any, info: ValidationInfo) -> int:
    scalar = expanded(value, info, "a size such as 24G or 40GiB")
    try:
        return memory_size.parse(scalar.text)
    except ValueError as error:
        raise fault("bad-size", f"{error}, not {quoted(scalar.text)}") from error


def _signal(value: Any, info: ValidationInfo) -> str:
    text = expanded(value, info, "a signal such as TERM").text.strip()
    known = {member.name.removeprefix("SIG"): member for member in signal.Signals}
    if text.isdecimal() and int(text) in signal.valid_signals():
        return signal.Signals(int(text)).name.removeprefix("SIG")
    name = text.upper().removeprefix("SIG")
    if name not in known:
        near = did_you_mean(name, known)
        raise fault("bad-signal", f"must be a signal such as TERM or INT, not {quoted(text)}{near}")
    return known[name].name.removeprefix("SIG")


def _task(value: Any, info: ValidationInfo) -> str:
    text = expanded(value, info, "the name of a task or function").text
    if not text.strip() or not text.isprintable():
        raise fault(
            "bad-name", "must be the name of a task or an importable function, such as mod.f"
        )
    if re.match(r"__main__[.:]", text):
        raise fault(
            "bad-name",
            f"is {quoted(text)}, of a script or notebook; put it in a module that the worker can "
            "import, and name that",
        )
    return text


def _json(value: Any) -> Json:
    try:
        return json_of(value)
    except ValueError as error:
        raise fault("wrong-type", f"contains a value that cannot be passed: {error}") from error


def _parameter(value: Any) -> str:
    if not isinstance(value, Scalar):
        message = f"must be one value, not {kind_of(value)}; put lists into a stage's params"
        raise fault("wrong-type", message)
    return value.text


def _choices(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise fault("wrong-type", f"must be a list of values, not {kind_of(value)}")
    if not value:
        raise fault("empty-matrix", "has no value; give at least one")
    return tuple(_at(index, _item, item) for index, item in enumerate(value))


Text = Annotated[str, BeforeValidator(_text), WithJsonSchema(_TEXT_SCHEMA)]
"""Text as written."""

Item = Annotated[str, BeforeValidator(_item), WithJsonSchema(_TEXT_SCHEMA)]
"""An item of a list of texts."""

PathItem = Annotated[
    str, BeforeValidator(_path), WithJsonSchema({**_TEXT_SCHEMA, "pattern": r"\S"})
]
"""A path or glob."""

Pattern = Annotated[str, BeforeValidator(_pattern), WithJsonSchema(_TEXT_SCHEMA)]
"""A regular expression."""

StreamPattern = Annotated[
    str,
    BeforeValidator(_pattern),
    WithJsonSchema({"anyOf": [{"enum": list(METRIC_PRESETS)}, _TEXT_SCHEMA]}),
]
"""A regular expression, or the name of a preset."""

Format = Annotated[
    str,
    BeforeValidator(_format),
    WithJsonSchema({"anyOf": [{"enum": list(METRIC_FORMATS)}, FILLED_SCHEMA]}),
]
"""The name of a metrics format."""

Restarts = Annotated[
    str,
    BeforeValidator(word(("continue",), "bad-restarts")),
    WithJsonSchema({"enum": ["continue"]}),
]
"""How to treat a step counter that restarts from zero in each attempt."""

StageName = Annotated[
    str,
    BeforeValidator(_named(names.stage_name_fault)),
    WithJsonSchema(
        {"type": ["string", "integer", "boolean"], "pattern": r"^(?! )[^/.\[\]{}$]{1,64}(?<! )$"}
    ),
]
"""A stage's name."""

PipelineName = Annotated[
    str, BeforeValidator(_named(names.pipeline_name_fault)), WithJsonSchema(_TEXT_SCHEMA)
]
"""A pipeline's name."""

MatrixKey = Annotated[str, BeforeValidator(_named(names.matrix_key_fault))]
"""A key of a matrix."""

ParamKey = Annotated[str, BeforeValidator(_named(names.param_key_fault))]
"""A key of the pipeline's `params`."""

VariableName = Annotated[str, BeforeValidator(_named(names.variable_fault))]
"""The name of an environment variable."""

Command = Annotated[
    str | tuple[str, ...],
    BeforeValidator(_command),
    WithJsonSchema({"anyOf": [_TEXT_SCHEMA, {**_TEXTS_SCHEMA, "minItems": 1}]}),
]
"""Shell text, or an argument list."""


def _duration_schema(least: dict[str, int]) -> dict[str, Any]:
    text = {"type": "string", "pattern": rf"^\s*({duration.PATTERN})\s*$|\$\{{"}
    examples = ["90s", "30m", "12h", "1h30m"]
    return {"anyOf": [text, {"type": "number", **least}], "examples": examples}


Duration = Annotated[
    float,
    BeforeValidator(_duration(zero=False)),
    WithJsonSchema(_duration_schema({"exclusiveMinimum": 0, "maximum": duration.LONGEST})),
]
"""Seconds, above 0."""

Delay = Annotated[
    float,
    BeforeValidator(_duration(zero=True)),
    WithJsonSchema(_duration_schema({"minimum": 0, "maximum": duration.LONGEST})),
]
"""Seconds, 0 or more."""


def whole_schema(least: int, most: int = LARGEST) -> dict[str, Any]:
    """Return the JSON Schema of whole numbers."""
    return {
        "anyOf": [{"type": "integer", "minimum": least, "maximum": most}, FILLED_SCHEMA],
    }


Count = Annotated[int, BeforeValidator(whole(0)), WithJsonSchema(whole_schema(0))]
"""A whole number, 0 or more."""

PositiveCount = Annotated[int, BeforeValidator(whole(1)), WithJsonSchema(whole_schema(1))]
"""A whole number, 1 or more."""

_SIZE_TEXT = {"type": "string", "pattern": rf"^\s*({memory_size.PATTERN})\s*$|\$\{{"}

Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema(
        {"anyOf": [_SIZE_TEXT, {"type": "number", "exclusiveMinimum": 0}], "examples": ["24G"]}
    ),
]
"""Bytes."""

Flag = Annotated[
    bool,
    BeforeValidator(flag),
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


Signal = Annotated[str, BeforeValidator(_signal), WithJsonSchema(_signal_schema())]
"""A signal's name without SIG."""

Task = Annotated[str, BeforeValidator(_task), WithJsonSchema(_TEXT_SCHEMA)]
"""The name of a task or function."""

TaskParam = Annotated[Json, BeforeValidator(_json), WithJsonSchema({})]
"""Any JSON value."""

Parameter = Annotated[str, BeforeValidator(_parameter), WithJsonSchema(_TEXT_SCHEMA)]
"""The value of a parameter, as text."""

Choices = Annotated[
    tuple[str, ...], BeforeValidator(_choices), WithJsonSchema({**_TEXTS_SCHEMA, "minItems": 1})
]
"""The values of one key of a matrix."""

Number = Annotated[
    float,
    BeforeValidator(_number),
    WithJsonSchema({"anyOf": [{"type": "number"}, FILLED_SCHEMA]}),
]
"""Any finite number."""

True_ = Annotated[bool, BeforeValidator(_true), WithJsonSchema({"enum": [True]})]
"""Only `true`."""

Goal = Annotated[
    str,
    BeforeValidator(word(("min", "max"), "bad-goal")),
    WithJsonSchema({"enum": ["min", "max"]}),
]
"""`min` or `max`: whether lower or higher values of a metric are better."""

Action = Annotated[
    str,
    BeforeValidator(word(ALERT_ACTIONS, "bad-action")),
    WithJsonSchema({"enum": list(ALERT_ACTIONS)}),
]
"""The action of an alert."""
