"""Field types of pipeline files: a reader and a JSON Schema for each.

A reader converts a node to plain data, or explains the error.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import PydanticCustomError

from trainui import formatting, plugin
from trainui.model.definition import ALERT_ACTIONS, Json
from trainui.model.records import LOCAL
from trainui.pipeline import field_names
from trainui.pipeline.template import Parameters
from trainui.pipeline.yaml_nodes import Scalar, did_you_mean, json_of, kind_of, quoted
from trainui.plugin import OptionProblem, Tracker, registry

_T = TypeVar("_T")

LARGEST_NUMBER = 1_000_000
"""Upper limit of every integer field; a larger number is assumed to be a typing error."""

NEVER = "never"
"""Instead of a duration: no limit."""

REPORTED = "misplaced-variable"
"""Code of an error that another check usually reports, with a better message."""


def fault(code: str, message: str, *at: str | int, key: bool = False) -> PydanticCustomError:
    """Return the error for a value; the message follows the field's name, e.g. "must be text".

    It is at the keys and indices `at` of the value; `key`: the last key itself is wrong, and not
    its value.
    """
    return PydanticCustomError(code, "{message}", {"message": message, "at": at, "key": key})


def as_text(value: Any) -> str:
    """Return the text of a scalar."""
    if not isinstance(value, Scalar):
        raise fault("wrong-type", f"must be text, not {kind_of(value)}")
    return value.text


def as_item(value: Any) -> str:
    """Return the text of a scalar that is not empty."""
    text = as_text(value)
    if text == "" and value.plain:
        raise fault("wrong-type", 'is empty; write "" where empty text is meant')
    return text


def path(value: Any) -> str:
    """Return a path or glob."""
    text = as_item(value)
    if not text.strip():
        raise fault("wrong-type", "is empty; give a path, or omit it")
    return text


def pattern(value: Any) -> str:
    """Return a regular expression; one with parameters is compiled when they are known."""
    text = as_text(value)
    try:
        if "${" not in text:
            re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise fault("bad-pattern", f"is not a regular expression: {error}") from error
    return text


_FORMATS = ("csv", "json", "jsonl", "text", "tsv")
"""Formats of metrics, besides those of plugins and the presets."""


def metric_format(value: Any) -> str:
    """Return the name of a metrics format."""
    text = as_item(value)
    is_known = text in _FORMATS or field_names.is_preset(text) or "${" in text
    if not is_known and text not in (known := formats()):
        near = did_you_mean(text, known) or f"; it may be {', '.join(known)}"
        raise fault("bad-format", f"is not a format of metrics: {quoted(text)}{near}")
    return text


def formats() -> tuple[str, ...]:
    """Return the names of all formats, also of plugins and their trackers' databases."""
    databases = (one.name for one in registry.records(Tracker) if one.database)
    presets = field_names.presets()
    return tuple(sorted({*_FORMATS, *presets, *registry.names(plugin.Format), *databases}))


def word(words: tuple[str, ...], code: str) -> Callable[[Any], str]:
    """Return a reader of one of these words."""

    def read(value: Any) -> str:
        text = as_item(value)
        if text not in words:
            near = did_you_mean(text, words) or f"; it may be {', '.join(words)}"
            raise fault(code, f"is {quoted(text)}{near}")
        return text

    return read


def checked_name(check: Callable[[str], str | None]) -> Callable[[Any], str]:
    """Return a reader of names; `check` returns a name's fault."""

    def read(value: Any) -> str:
        text = value if isinstance(value, str) else as_text(value)
        if problem := check(text):
            raise fault("bad-name", problem)
        return text

    return read


def command(value: Any) -> str | tuple[str, ...]:
    """Return shell text, or an argument list."""
    if isinstance(value, list):
        items = tuple(_at(index, as_item, item) for index, item in enumerate(value))
        if not items or not items[0].strip():
            raise fault("no-command", "is a list without a program; its first item is the program")
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
        message = (
            "must be known when the file is read; write the value, or ${params.KEY} of a parameter "
            "that contains no variable"
        )
        raise fault(REPORTED, "" if parameters.awaits(value) else message)
    return filled


def typed(scalar: Scalar) -> Json:
    """Return a scalar's value in the YAML core schema."""
    try:
        return scalar.value
    except ValueError as error:
        raise fault("wrong-type", f"is out of range: {error}") from error


def whole(least: int, most: int = LARGEST_NUMBER) -> Callable[[Any, ValidationInfo], int]:
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
    try:
        found = scalar.value
    except ValueError as error:  # infinite, NaN or too large
        raise fault("wrong-type", f"must be a finite number, not {quoted(scalar.text)}") from error
    if not isinstance(found, int | float) or isinstance(found, bool):
        raise fault("wrong-type", f"must be a number, not {quoted(scalar.text)}")
    return found


def real_number(value: Any, info: ValidationInfo) -> float:
    """Return a number as a float."""
    return float(number(value, info))


def number_or_true(value: Any, info: ValidationInfo) -> float:
    """Return a number as a float, and 0 for true."""
    if isinstance(typed(expanded(value, info, "a number or true")), bool):
        return 0.0 if only_true(value, info) else 1.0
    return real_number(value, info)


def only_true(value: Any, info: ValidationInfo) -> bool:
    """Return true, the only value allowed."""
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


def seconds(*, zero: bool, never: bool = False) -> Callable[[Any, ValidationInfo], float]:
    """Return a reader of durations.

    Args:
        zero: 0 is allowed.
        never: the word `never` is allowed, and read as 0.
    """
    or_never = f", or {NEVER}" if never else ""

    def read(value: Any, info: ValidationInfo) -> float:
        scalar = expanded(value, info, f"a duration such as 90s, 30m or 1h30m{or_never}")
        if never and scalar.text.strip() == NEVER:
            return 0.0
        try:
            seconds = formatting.parse_duration(scalar.text)
        except ValueError as error:
            raise fault("bad-duration", f"{error}{or_never}, not {quoted(scalar.text)}") from error
        if not zero and seconds == 0:
            advice = f"write {NEVER}" if never else "omit it"
            raise fault("bad-duration", f"must be above 0; {advice} for no limit")
        return seconds

    return read


def size(value: Any, info: ValidationInfo) -> int:
    """Return a number of bytes."""
    scalar = expanded(value, info, "a size such as 24G or 40GiB")
    try:
        return field_names.parse_size(scalar.text)
    except ValueError as error:
        raise fault("bad-size", f"{error}, not {quoted(scalar.text)}") from error


def signal_name(value: Any, info: ValidationInfo) -> str:
    """Return a signal's name without SIG."""
    text = expanded(value, info, "a signal such as TERM").text.strip()
    known = {member.name.removeprefix("SIG"): member for member in signal.Signals}
    if text.isdecimal() and int(text) in signal.valid_signals():
        return signal.Signals(int(text)).name.removeprefix("SIG")
    name = text.upper().removeprefix("SIG")
    if name not in known:
        near = did_you_mean(name, known)
        raise fault("bad-signal", f"must be a signal such as TERM or INT, not {quoted(text)}{near}")
    return known[name].name.removeprefix("SIG")


def task(value: Any, info: ValidationInfo) -> str:
    """Return the name of a task or function."""
    text = expanded(value, info, "the name of a task or function").text
    if not text.strip() or not text.isprintable():
        raise fault(
            "bad-name", "must be the name of a task or an importable function, such as mod.f"
        )
    if re.match(r"__main__[.:]", text):
        raise fault(
            "bad-name",
            f"is {quoted(text)}, a function of a script or notebook; move it into a module that "
            "the worker can import",
        )
    return text


def json_value(value: Any) -> Json:
    """Return any JSON value."""
    try:
        return json_of(value)
    except ValueError as error:
        raise fault("wrong-type", f"contains a value that cannot be passed: {error}") from error


def executor(value: Any) -> tuple[str, dict[str, Json]]:
    """Return the name of an executor, and the options for it."""
    found = json_value(value)
    name: Any = found
    options: Any = {}
    if is_nested := isinstance(found, dict) and len(found) == 1:
        ((name, options),) = found.items()
    if not isinstance(name, str) or not name or not isinstance(options, dict | None):
        message = f"must be a name or {{NAME: {{OPTION: VALUE}}}}, not {kind_of(value)}"
        raise fault("wrong-type", message)
    for problem in executor_problems(name, options or {}):
        at = (name, problem.option) if problem.option else (name,)
        place = at if is_nested else ()
        raise fault(problem.code, problem.message, *place, key=problem.at_name and is_nested)
    return name, options or {}


def executor_problems(name: str, options: Mapping[str, Any]) -> Sequence[OptionProblem]:
    """Return what is wrong with the name of an executor, or with the options for it.

    Raises:
        PluginError: it cannot be loaded, or fails as it checks them.
    """
    its = None if name == LOCAL else registry.find(plugin.Executor, name)
    if its is None and name != LOCAL:
        names = ", ".join((LOCAL, *registry.names(plugin.Executor)))
        message = f"is not an installed executor: {quoted(name)}; it may be {names}"
        return [OptionProblem(message, code="bad-executor", at_name=True)]
    known = () if its is None else its.options
    unknown = [one for one in options if one not in known]
    if not unknown:
        return registry.run(its, its.problems, options) or () if its is not None else ()
    hint = f"; {name} has {', '.join(known)}" if known else f"; {name} has no options"
    return [
        OptionProblem(f"has the unknown option {quoted(one)}{hint}", one, at_name=True)
        for one in unknown
    ]


def refusals(
    name: str, options: Mapping[str, Any], gpus: int, cpus: int
) -> Sequence[OptionProblem]:
    """Return why an executor would refuse a stage whose options are valid.

    Raises:
        PluginError: it cannot be loaded, or fails as it asks its place.
    """
    its = None if name == LOCAL else registry.find(plugin.Executor, name)
    return [] if its is None else registry.run(its, its.refusals, options, gpus, cpus) or []


def parameter(value: Any) -> str:
    """Return the value of a parameter."""
    if not isinstance(value, Scalar):
        message = f"must be one value, not {kind_of(value)}; put lists into a stage's params"
        raise fault("wrong-type", message)
    return value.text


def matrix(value: Any) -> Any:
    """Check that a matrix has keys; as a list its members must have the same ones."""
    if not isinstance(value, list):
        return value
    if not value:
        raise fault("empty-matrix", "has no members; give at least one")
    wanted = "must be values by key, or a list of members that all have the same keys, each a value"
    raise fault("wrong-type", f"{wanted}, e.g. [{{lr: 0.1, seed: 1}}, {{lr: 0.3, seed: 1}}]")


def choices(value: Any) -> tuple[str, ...]:
    """Return the values of one key of a matrix."""
    if not isinstance(value, list):
        raise fault("wrong-type", f"must be a list of values, not {kind_of(value)}")
    if not value:
        raise fault("empty-matrix", "has no value; give at least one")
    return tuple(_at(index, as_item, item) for index, item in enumerate(value))


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
    return FieldReader(word(tuple(words), code), {"enum": list(words)})


def whole_number(least: int, most: int = LARGEST_NUMBER) -> FieldReader:
    """Return the reader of a whole number."""
    number = {"type": "integer", "minimum": least, "maximum": most}
    return FieldReader(whole(least, most), or_filled(number))


Text = Annotated[str, FieldReader(as_text, _TEXT_SCHEMA)]
"""Text as written."""

Item = Annotated[str, FieldReader(as_item, _TEXT_SCHEMA)]
"""An item of a list of texts."""

PathItem = Annotated[str, FieldReader(path, {**_TEXT_SCHEMA, "pattern": r"\S"})]
"""A path or glob."""

Pattern = Annotated[str, FieldReader(pattern, _TEXT_SCHEMA)]
"""A regular expression."""

StreamPattern = Annotated[
    str,
    FieldReader(pattern, lambda: {"anyOf": [{"enum": field_names.presets()}, _TEXT_SCHEMA]}),
]
"""A regular expression, or the name of a preset."""

Format = Annotated[
    str,
    FieldReader(metric_format, lambda: or_filled({"enum": list(formats())})),
]
"""The name of a metrics format."""

Restarts = Annotated[str, one_of(("continue",), "bad-restarts")]
"""How to treat a step counter that restarts from zero in each attempt."""

StageName = Annotated[
    str,
    FieldReader(
        checked_name(field_names.stage_name_fault),
        {"type": ["string", "integer", "boolean"], "pattern": r"^(?! )[^/.\[\]{}$]{1,64}(?<! )$"},
    ),
]
"""A stage's name."""

PipelineName = Annotated[
    str, FieldReader(checked_name(field_names.pipeline_name_fault), _TEXT_SCHEMA)
]
"""A pipeline's name."""

MatrixKey = Annotated[str, BeforeValidator(checked_name(field_names.key_fault))]
"""A key of a matrix."""

ParamKey = Annotated[
    str,
    BeforeValidator(checked_name(partial(field_names.key_fault, pattern=field_names.PARAM_KEY))),
]
"""A key of the pipeline's `params`."""

VariableName = Annotated[str, BeforeValidator(checked_name(field_names.variable_fault))]
"""The name of an environment variable."""

Command = Annotated[
    str | tuple[str, ...],
    FieldReader(command, {"anyOf": [_TEXT_SCHEMA, {**_TEXTS_SCHEMA, "minItems": 1}]}),
]
"""Shell text, or an argument list."""


def _duration(*, zero: bool, never: bool = False) -> FieldReader:
    pattern = f"{NEVER}|{formatting.DURATION_PATTERN}" if never else formatting.DURATION_PATTERN
    text = {"type": "string", "pattern": rf"^\s*({pattern})\s*$|\$\{{"}
    least = {"minimum" if zero else "exclusiveMinimum": 0}
    number = {"type": "number", **least, "maximum": formatting.LONGEST}
    schema = {"anyOf": [text, number], "examples": ["90s", "30m", "12h", "1h30m"]}
    return FieldReader(seconds(zero=zero, never=never), schema)


Duration = Annotated[float, _duration(zero=False)]
"""Seconds, above 0."""

Delay = Annotated[float, _duration(zero=True)]
"""Seconds, 0 or more."""

DurationOrNever = Annotated[float, _duration(zero=False, never=True)]
"""Seconds; 0: never."""

Count = Annotated[int, whole_number(0)]
"""A whole number, 0 or more."""

PositiveCount = Annotated[int, whole_number(1)]
"""A whole number, 1 or more."""

_SIZE_TEXT = {"type": "string", "pattern": rf"^\s*({field_names.SIZE_PATTERN})\s*$|\$\{{"}

Size = Annotated[
    int,
    FieldReader(
        size,
        {"anyOf": [_SIZE_TEXT, {"type": "number", "exclusiveMinimum": 0}], "examples": ["24G"]},
    ),
]
"""Bytes."""

Flag = Annotated[bool, FieldReader(flag, or_filled({"type": "boolean"}))]
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


Signal = Annotated[str, FieldReader(signal_name, _signal_schema())]
"""A signal's name without SIG."""

Task = Annotated[str, FieldReader(task, _TEXT_SCHEMA)]
"""The name of a task or function."""

TaskParam = Annotated[Json, FieldReader(json_value, {})]
"""Any JSON value."""

Executor = Annotated[
    tuple[str, dict[str, Json]],
    FieldReader(
        executor,
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

Parameter = Annotated[str, FieldReader(parameter, _TEXT_SCHEMA)]
"""The value of a parameter, as text."""

Choices = Annotated[tuple[str, ...], FieldReader(choices, {**_TEXTS_SCHEMA, "minItems": 1})]
"""The values of one key of a matrix."""

Number = Annotated[float, FieldReader(real_number, or_filled({"type": "number"}))]
"""Any finite number."""

NumberOrTrue = Annotated[
    float, FieldReader(number_or_true, or_filled({"anyOf": [{"type": "number"}, {"enum": [True]}]}))
]
"""A finite number; 0: `true`."""

True_ = Annotated[bool, FieldReader(only_true, {"enum": [True]})]
"""Only `true`."""

GOALS = ("minimize", "maximize", "min", "max")


def goal(value: Any) -> str:
    """Return `min` or `max` for a goal, which may be written in full."""
    return word(GOALS, "bad-goal")(value)[:3]


Goal = Annotated[str, FieldReader(goal, {"enum": list(GOALS)})]
"""`min` or `max`: whether lower or higher values of a metric are better."""

Every = Annotated[
    str, FieldReader(word(("1", "newest"), "bad-every"), {"enum": [1, "1", "newest"]})
]
"""`1` or `newest`: which of a training's checkpoints are evaluated."""

Action = Annotated[str, one_of(ALERT_ACTIONS, "bad-action")]
"""The action of an alert."""
