"""Readers of fields: each converts a node to plain data or explains the error."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from trainui.model.definition import METRIC_FORMATS, METRIC_PRESETS, Json
from trainui.pipeline.fields import notation
from trainui.pipeline.fields.parameters import Parameters
from trainui.pipeline.yaml.nodes import Scalar, json_of, kind_of
from trainui.pipeline.yaml.problems import did_you_mean, quoted
from trainui.plugin import Format, LogLines, Tracker, registry

_T = TypeVar("_T")

LARGEST = 1_000_000
"""Upper limit of every integer field; a larger number is assumed to be a typing error."""

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


def metric_format(value: Any) -> str:
    """Return the name of a metrics format."""
    text = as_item(value)
    if "${" not in text and text not in METRIC_FORMATS and text not in (known := formats()):
        near = did_you_mean(text, known) or f"; it may be {', '.join(known)}"
        raise fault("bad-format", f"is not a format of metrics: {quoted(text)}{near}")
    return text


def presets() -> tuple[str, ...]:
    """Return the names of all presets, also of plugins."""
    return (*METRIC_PRESETS, *registry.names(LogLines))


def formats() -> tuple[str, ...]:
    """Return the names of all formats, also of plugins and their trackers' databases."""
    databases = (one.name for one in registry.records(Tracker) if one.database)
    return tuple(sorted({*METRIC_FORMATS, *presets(), *registry.names(Format), *databases}))


def word(words: tuple[str, ...], code: str) -> Callable[[Any], str]:
    """Return a reader of one of these words."""

    def read(value: Any) -> str:
        text = as_item(value)
        if text not in words:
            near = did_you_mean(text, words) or f"; it may be {', '.join(words)}"
            raise fault(code, f"is {quoted(text)}{near}")
        return text

    return read


def named(check: Callable[[str], str | None]) -> Callable[[Any], str]:
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


def seconds(*, zero: bool) -> Callable[[Any, ValidationInfo], float]:
    """Return a reader of durations; `zero`: 0 is allowed."""

    def read(value: Any, info: ValidationInfo) -> float:
        scalar = expanded(value, info, "a duration such as 90s, 30m or 1h30m")
        try:
            seconds = notation.parse_duration(scalar.text)
        except ValueError as error:
            raise fault("bad-duration", f"{error}, not {quoted(scalar.text)}") from error
        if not zero and seconds == 0:
            raise fault("bad-duration", "must be above 0; omit it for no limit")
        return seconds

    return read


def size(value: Any, info: ValidationInfo) -> int:
    """Return a number of bytes."""
    scalar = expanded(value, info, "a size such as 24G or 40GiB")
    try:
        return notation.parse_size(scalar.text)
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
    if isinstance(found, dict) and len(found) == 1:
        ((name, options),) = found.items()
    if not isinstance(name, str) or not name or not isinstance(options, dict | None):
        message = f"must be a name or {{NAME: {{OPTION: VALUE}}}}, not {kind_of(value)}"
        raise fault("wrong-type", message)
    return name, options or {}


def parameter(value: Any) -> str:
    """Return the value of a parameter."""
    if not isinstance(value, Scalar):
        message = f"must be one value, not {kind_of(value)}; put lists into a stage's params"
        raise fault("wrong-type", message)
    return value.text


def choices(value: Any) -> tuple[str, ...]:
    """Return the values of one key of a matrix."""
    if not isinstance(value, list):
        raise fault("wrong-type", f"must be a list of values, not {kind_of(value)}")
    if not value:
        raise fault("empty-matrix", "has no value; give at least one")
    return tuple(_at(index, as_item, item) for index, item in enumerate(value))
