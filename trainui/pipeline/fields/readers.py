"""Readers of fields: each converts a value of the document to plain data, or reports its fault."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Sequence

from trainui.domain.definition import METRIC_FORMATS, Json
from trainui.pipeline.fields import duration, memory_size
from trainui.pipeline.fields.value import UnreadableError, Value
from trainui.pipeline.yaml.nodes import Scalar, json_of, kind_of
from trainui.pipeline.yaml.nodes import Sequence as ListNode
from trainui.pipeline.yaml.problems import did_you_mean, quoted

LARGEST = 1_000_000
"""Upper limit of every integer field; a larger number is assumed to be a typing error."""


def scalar(value: Value, expected: str = "text") -> Scalar:
    """Return a value that is no list and no mapping; `expected` is for the message."""
    if not isinstance(value.node, Scalar):
        raise value.fault("wrong-type", f"must be {expected}, not {kind_of(value.node)}")
    return value.node


def as_text(value: Value) -> str:
    """Return the text of a scalar."""
    return scalar(value).text


def as_item(value: Value) -> str:
    """Return the text of a scalar that is not empty."""
    return filled(value, scalar(value)).text


def filled(value: Value, found: Scalar) -> Scalar:
    """Return a value's scalar; one without quotes must not be empty."""
    if found.text == "" and found.plain:
        raise value.fault("wrong-type", 'is empty; write "" where empty text is meant')
    return found


def path(value: Value) -> str:
    """Return a path or glob."""
    text = as_item(value)
    if not text.strip():
        raise value.fault("wrong-type", "is empty; give a path, or omit it")
    return text


def pattern(value: Value) -> str:
    """Return a regular expression; one with parameters is compiled when they are known."""
    text = as_text(value)
    if "${" not in text:
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            message = f"is not a regular expression: {error}"
            raise value.fault("bad-pattern", message) from error
    return text


def metric_format(value: Value) -> str:
    """Return the name of a metrics format."""
    text = as_item(value)
    if "${" not in text and text not in METRIC_FORMATS:
        near = did_you_mean(text, METRIC_FORMATS) or f"; it may be {', '.join(METRIC_FORMATS)}"
        raise value.fault("bad-format", f"is not a format of metrics: {quoted(text)}{near}")
    return text


def word(words: Sequence[str], code: str) -> Callable[[Value], str]:
    """Return a reader of one of these words."""

    def read(value: Value) -> str:
        text = as_item(value)
        if text not in words:
            near = did_you_mean(text, words) or f"; it may be {', '.join(words)}"
            raise value.fault(code, f"is {quoted(text)}{near}")
        return text

    return read


def named(check: Callable[[str], str | None]) -> Callable[[Value], str]:
    """Return a reader of names; `check` returns a name's fault."""

    def read(value: Value) -> str:
        text = as_text(value)
        if problem := check(text):
            raise value.fault("bad-name", problem)
        return text

    return read


def command(value: Value) -> str | tuple[str, ...]:
    """Return shell text, or an argument list."""
    if isinstance(value.node, ListNode):
        items = _words(value, value.node)
        if not items or not items[0].strip():
            raise value.fault("no-command", "names no program; its first item is the program")
        return items
    text = scalar(value, "shell text or a list of words").text
    if not text.strip():
        raise value.fault("no-command", "is empty; write a command")
    return text


def choices(value: Value) -> tuple[str, ...]:
    """Return the values of one key of a matrix."""
    if not isinstance(value.node, ListNode):
        raise value.fault("wrong-type", f"must be a list of values, not {kind_of(value.node)}")
    if not value.node.items:
        raise value.fault("empty-matrix", "has no value; give at least one")
    return _words(value, value.node)


def _words(value: Value, listed: ListNode) -> tuple[str, ...]:
    """Return the items of a list, which are counted from 1 in messages."""
    parts = (value.part(one, f"{value.name} item {at}") for at, one in enumerate(listed.items, 1))
    return tuple(map(as_item, parts))


def expanded(value: Value, expected: str) -> Scalar:
    """Return a scalar with its parameters substituted; `expected` is for the message."""
    written = scalar(value, expected)
    found = value.parameters.expand(written)
    if found is None:
        message = (
            f"{value.name} needs its value when the file is read; write it, or ${{params.KEY}} "
            "of a parameter that contains no variable"
        )
        problem = value.mark, "misplaced-variable", message
        raise UnreadableError(*() if value.parameters.awaits(written) else problem)
    return found


def typed(value: Value, found: Scalar) -> Json:
    """Return a scalar's value in the YAML core schema."""
    try:
        return found.value
    except ValueError as error:
        raise value.fault("wrong-type", f"is out of range: {error}") from error


def whole(least: int, most: int = LARGEST) -> Callable[[Value], int]:
    """Return a reader of whole numbers."""
    expected = f"a whole number of at least {least}"

    def read(value: Value) -> int:
        found = expanded(value, expected)
        number = typed(value, found)
        if not isinstance(number, int) or isinstance(number, bool):
            raise value.fault("wrong-type", f"must be {expected}, not {quoted(found.text)}")
        if not least <= number <= most:
            message = f"must be {expected} and at most {most}, not {number}"
            raise value.fault("out-of-range", message)
        return number

    return read


def number(value: Value) -> int | float:
    """Return a number, an int where it is written as one."""
    found = expanded(value, "a number")
    try:
        number = found.value
    except ValueError as error:  # infinite, NaN or too large
        message = f"must be a finite number, not {quoted(found.text)}"
        raise value.fault("wrong-type", message) from error
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise value.fault("wrong-type", f"must be a number, not {quoted(found.text)}")
    return number


def flag(value: Value) -> bool:
    """Return true or false."""
    found = expanded(value, "true or false")
    truth = typed(value, found)
    if not isinstance(truth, bool):
        raise value.fault("wrong-type", f"must be true or false, not {quoted(found.text)}")
    return truth


def only_true(value: Value) -> bool:
    """Return true, the only value allowed."""
    if not flag(value):
        raise value.fault("wrong-type", "must be true; leave the alert out for false")
    return True


def seconds(*, zero: bool) -> Callable[[Value], float]:
    """Return a reader of durations; `zero`: 0 is allowed."""

    def read(value: Value) -> float:
        text = expanded(value, "a duration such as 90s, 30m or 1h30m").text
        try:
            seconds = duration.parse(text)
        except ValueError as error:
            raise value.fault("bad-duration", f"{error}, not {quoted(text)}") from error
        if not zero and seconds == 0:
            raise value.fault("bad-duration", "must be above 0; omit it for no limit")
        return seconds

    return read


def size(value: Value) -> int:
    """Return a number of bytes."""
    text = expanded(value, "a size such as 24G or 40GiB").text
    try:
        return memory_size.parse(text)
    except ValueError as error:
        raise value.fault("bad-size", f"{error}, not {quoted(text)}") from error


def signal_name(value: Value) -> str:
    """Return a signal's name without SIG."""
    text = expanded(value, "a signal such as TERM").text.strip()
    known = {member.name.removeprefix("SIG"): member for member in signal.Signals}
    if text.isdecimal() and int(text) in signal.valid_signals():
        return signal.Signals(int(text)).name.removeprefix("SIG")
    name = text.upper().removeprefix("SIG")
    if name not in known:
        message = f"must be a signal such as TERM or INT, not {quoted(text)}"
        raise value.fault("bad-signal", f"{message}{did_you_mean(name, known)}")
    return known[name].name.removeprefix("SIG")


def task(value: Value) -> str:
    """Return the name of a task or function."""
    text = expanded(value, "the name of a task or function").text
    if not text.strip() or not text.isprintable():
        message = "must be the name of a task or an importable function, such as mod.f"
        raise value.fault("bad-name", message)
    if re.match(r"__main__[.:]", text):
        message = (
            f"is {quoted(text)}, of a script or notebook; put it in a module that the worker can "
            "import, and name that"
        )
        raise value.fault("bad-name", message)
    return text


def json_value(value: Value) -> Json:
    """Return any JSON value."""
    try:
        return json_of(value.node)
    except ValueError as error:
        message = f"contains a value that cannot be passed: {error}"
        raise value.fault("wrong-type", message) from error


def parameter(value: Value) -> str:
    """Return the value of a parameter."""
    if not isinstance(value.node, Scalar):
        kind = kind_of(value.node)
        message = f"must be one value, not {kind}; put lists into a stage's params"
        raise value.fault("wrong-type", message)
    return value.node.text
