"""The screen's records as JSON data and back, checked by their annotations; calls of actions.

A record (a named tuple or a dataclass) is an object of the fields that differ from their defaults,
so that two versions of trainui understand each other as far as they can: an unknown field is
ignored, a missing one has its default. What does not fit its annotation is an error, never a value:
the other end may send anything.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import json
import math
import sys
import time
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from trainui.control import boxes
from trainui.control.box_runs import LIST_CONNECT
from trainui.control.boxes import Box, BoxConnection, BoxError
from trainui.errors import (
    NotFoundError,
    PipelineFileError,
    PlanChangedError,
    TrainuiError,
    UsageError,
)
from trainui.text import harmless

MOMENTS = frozenset(
    {
        *("created_at", "started_at", "completed_at", "granted_at", "cancel_requested_at"),
        *("not_before", "began_at", "lost_at", "output_at", "checkpoint_at", "changed_at"),
        *("at", "time", "since", "until", "stalled_at"),
    }
)
"""Names of fields that are a moment in microseconds since 1970, by the sender's clock."""

LAST_MOMENT = 253_402_300_800_000_000
"""The end of the year 9999, which is the last that can be shown."""

MOST_ITEMS = 2_000_000
"""Values in a page, nested ones among them: a small difference may repeat a large part."""

SECONDS = frozenset({"times"})
"""Names of fields of moments in seconds since 1970."""

CALL_TIMEOUT = 15.0
"""Seconds in which a box has to answer a command's question."""

_ERRORS = {one.__name__: one for one in (UsageError, NotFoundError, PlanChangedError)}
"""The errors that pages handle in their own way, by name."""

_TAG = "$"
"""The key of a record's class, where an annotation allows several."""

_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


_UNFIT = (TypeError, ValueError, LookupError, AttributeError, RecursionError, ArithmeticError)


class WireError(ValueError):
    """What came does not fit its type."""


class _Codec(NamedTuple):
    to_data: Callable[[Any], Any]
    from_data: Callable[[Any, int], Any]
    """Takes the data, and the microseconds by which the sender's clock is ahead."""


def to_data(value: Any, kind: Any) -> Any:
    """Return a value of a type as JSON data."""
    return _codec(kind).to_data(value)


def from_data(data: Any, kind: Any, ahead: int = 0) -> Any:
    """Return the value that JSON data stands for; moments are moved back by `ahead` microseconds.

    Raises:
        WireError: the data does not fit the type.
    """
    try:
        return _codec(kind).from_data(data, ahead)
    except WireError:
        raise
    except _UNFIT as error:
        raise WireError(f"{getattr(kind, '__name__', kind)}: {error}") from error


def arguments_to_data(function: Callable[..., Any], arguments: Sequence[Any]) -> list[Any]:
    """Return the arguments of a function as JSON data."""
    kinds = _signature(function)[0]
    return [to_data(one, kind) for one, kind in zip(arguments, kinds, strict=True)]


def arguments_from_data(function: Callable[..., Any], data: Any) -> list[Any]:
    """Return the arguments that JSON data stands for.

    Raises:
        WireError: they do not fit the function.
    """
    kinds = _signature(function)[0]
    try:
        pairs = list(zip(_exactly(data, list), kinds, strict=True))
    except ValueError as error:
        raise WireError(f"{function.__name__}: {error}") from error
    return [from_data(one, kind) for one, kind in pairs]


def result_kind(function: Callable[..., Any]) -> Any:
    """Return the type of what a function returns."""
    return _signature(function)[1]


@cache
def _signature(function: Callable[..., Any]) -> tuple[list[Any], Any]:
    hints = typing.get_type_hints(function, _names(function.__module__))
    result = hints.pop("return")
    return list(hints.values()), result


@cache
def _names(module_name: str) -> dict[str, Any]:
    """Return the names of a module, also those that are imported for type checkers only."""
    module = sys.modules[module_name]
    names = dict(vars(module))
    for block in ast.parse(inspect.getsource(module)).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for one in block.body:
                if isinstance(one, ast.ImportFrom) and one.module is not None:
                    source = importlib.import_module(one.module)
                    names |= {alias.name: getattr(source, alias.name) for alias in one.names}
    return names


@cache
def _codec(kind: Any) -> _Codec:
    if kind is Any:
        return _Codec(_plain, lambda data, _: data)
    if kind in (str, int, bool, type(None)):
        return _Codec(lambda value: value, lambda data, _: _exactly(data, kind))
    if kind is float:
        return _Codec(_number, lambda data, _: _as_float(data))
    if kind is Path:
        return _Codec(str, lambda data, _: Path(_exactly(data, str)))
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _union(arguments)
    if origin is typing.Literal:
        return _Codec(lambda value: value, lambda data, _: _among(data, arguments))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(*arguments)
    if (origin is tuple and len(arguments) != 2) or (origin is tuple and arguments[1] is not ...):
        return _fixed(arguments)
    if origin is not None and issubclass(origin, Collection):
        return _collection(
            list if origin is list else frozenset if origin is frozenset else tuple, arguments[0]
        )
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Codec(lambda value: value.value, lambda data, _: kind(data))
    if _is_record(kind):
        return _record(kind)
    raise TypeError(f"{kind} cannot be sent")


def _exactly(data: Any, kind: type) -> Any:
    is_large = isinstance(data, int) and not -(2**63) <= data < 2**63
    if type(data) is not kind or is_large:
        raise WireError(f"{data!r:.40} is no {kind.__name__}")
    return data


def _among(data: Any, allowed: Sequence[Any]) -> Any:
    if data not in allowed:
        raise WireError(f"{data!r:.40} is not among {allowed}")
    return data


def _number(value: float | int | None) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def _as_float(data: Any) -> float:
    if isinstance(data, str):
        return _SPECIAL[data]
    if type(data) not in (int, float):
        raise WireError(f"{data!r:.40} is no number")
    return float(data)


def _plain(value: Any) -> Any:
    """Return a value without an annotation as JSON data."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return _number(value)
    return value if isinstance(value, str | int | None) else str(value)


def _union(kinds: Sequence[Any]) -> _Codec:
    codecs = {kind: _codec(kind) for kind in kinds if kind is not type(None)}
    if len(codecs) == 1:  # it may be missing
        (only,) = codecs.values()
        return _Codec(
            lambda value: None if value is None else only.to_data(value),
            lambda data, ahead: None if data is None else only.from_data(data, ahead),
        )
    records = {kind.__name__: codec for kind, codec in codecs.items() if _is_record(kind)}
    scalars = {kind.__name__ for kind in codecs if kind in (str, int, float, bool)}
    many = [codec for kind, codec in codecs.items() if typing.get_origin(kind) is not None]

    def write(value: Any) -> Any:
        name = type(value).__name__
        if value is None or name in scalars or isinstance(value, str | int | float):
            return _number(value)
        if name in records:
            return {_TAG: name, **records[name].to_data(value)}
        return many[0].to_data(value)

    def read(data: Any, ahead: int) -> Any:
        if isinstance(data, dict) and _TAG in data:
            return records[data[_TAG]].from_data(data, ahead)
        if isinstance(data, list | dict):
            return many[0].from_data(data, ahead)
        return _scalar(data, scalars)

    return _Codec(write, read)


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and (hasattr(kind, "_fields") or dataclasses.is_dataclass(kind))


def _scalar(data: Any, names: Collection[str]) -> Any:
    if isinstance(data, str) and "str" not in names:
        return _SPECIAL[data]
    if data is not None and type(data).__name__ not in names:
        raise WireError(f"{data!r:.40} is not among {sorted(names)}")
    return data


def _mapping(key: Any, item: Any) -> _Codec:
    keys, items = _codec(key), _codec(item)
    if key is str:
        return _Codec(
            lambda value: {one: items.to_data(two) for one, two in value.items()},
            lambda data, ahead: {
                one: items.from_data(two, ahead) for one, two in _exactly(data, dict).items()
            },
        )
    return _Codec(
        lambda value: [[keys.to_data(one), items.to_data(two)] for one, two in value.items()],
        lambda data, ahead: {
            keys.from_data(one, ahead): items.from_data(two, ahead)
            for one, two in _exactly(data, list)
        },
    )


def _collection(make: Callable[[Any], Any], item: Any) -> _Codec:
    if item is float:
        return _Codec(
            lambda value: [_number(one) for one in value],
            lambda data, _: make(_as_float(one) for one in _exactly(data, list)),
        )
    items = _codec(item)
    return _Codec(
        lambda value: [items.to_data(one) for one in value],
        lambda data, ahead: make(items.from_data(one, ahead) for one in _exactly(data, list)),
    )


def _fixed(kinds: Sequence[Any]) -> _Codec:
    codecs = [_codec(kind) for kind in kinds]
    return _Codec(
        lambda value: [codec.to_data(one) for codec, one in zip(codecs, value, strict=True)],
        lambda data, ahead: tuple(
            codec.from_data(one, ahead)
            for codec, one in zip(codecs, _exactly(data, list), strict=True)
        ),
    )


def _record(kind: Any) -> _Codec:
    hints = typing.get_type_hints(kind, _names(kind.__module__))
    names, defaults = _fields(kind)
    codecs: dict[str, _Codec] = {}

    def prepare() -> dict[str, _Codec]:
        if not codecs:  # late, since records may refer to each other
            codecs.update({name: _codec(hints[name]) for name in names})
        return codecs

    def write(value: Any) -> Any:
        found = {}
        for name, codec in prepare().items():
            part = getattr(value, name)
            if name in defaults and (part is defaults[name] or part == defaults[name]):
                continue
            found[name] = codec.to_data(part)
        return found

    def read(data: Any, ahead: int) -> Any:
        _exactly(data, dict)
        found = {}
        for name, codec in prepare().items():
            if name not in data:
                continue
            part = codec.from_data(data[name], ahead)
            if name in MOMENTS and type(part) is int:
                part -= ahead
                if not 0 <= part < LAST_MOMENT:
                    raise WireError(f"{name}: {part} is no time")
            elif ahead and name in SECONDS:
                part = tuple(one - ahead / 1e6 for one in part)
            found[name] = part
        return kind(**found)

    return _Codec(write, read)


def _fields(kind: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of a record's fields, and the defaults."""
    if hasattr(kind, "_fields"):
        return kind._fields, dict(kind._field_defaults)
    fields = [one for one in dataclasses.fields(kind) if one.init]
    defaults = {one.name: one.default for one in fields if one.default is not dataclasses.MISSING}
    for one in fields:
        if one.default_factory is not dataclasses.MISSING:
            defaults[one.name] = one.default_factory()
    return tuple(one.name for one in fields), defaults


# --- differences of JSON data
#
# ["=", new]: replaced. ["o", {key: difference}, [removed keys]]: an object. ["l", [part...]]: a
# list, whose parts are an index and a count of old items, `{"=": [item...]}` new items, or
# `{"~": [index, difference]}` a changed one.

SAME = ["o", {}, []]
"""No difference; between any two equal values."""


def difference(old: Any, new: Any) -> Any:
    """Return the difference that `patched` turns `old` into `new` with."""
    if old == new:
        return SAME
    if isinstance(old, dict) and isinstance(new, dict):
        changed = {
            key: difference(old[key], item) if key in old else ["=", item]
            for key, item in new.items()
            if key not in old or old[key] != item
        }
        return ["o", changed, [key for key in old if key not in new]]
    if isinstance(old, list) and isinstance(new, list) and old and new:
        return ["l", _parts(old, new)]
    return ["=", new]


def _parts(old: list[Any], new: list[Any]) -> list[Any]:
    places: dict[Any, int] = {}
    for at in range(len(old) - 1, -1, -1):
        places[_key(old[at])] = at
    parts: list[Any] = []
    for at, item in enumerate(new):
        last: Any = parts[-1] if parts else None
        follows = last[0] + last[1] if isinstance(last, list) else -1
        if 0 <= follows < len(old) and old[follows] == item:
            last[1] += 1
        elif (place := places.get(_key(item))) is not None:
            parts.append([place, 1])
        elif at < len(old) and isinstance(item, dict) and isinstance(old[at], dict):
            parts.append({"~": [at, difference(old[at], item)]})
        elif isinstance(last, dict) and "=" in last:
            last["="].append(item)
        else:
            parts.append({"=": [item]})
    return parts


def _key(item: Any) -> Any:
    return json.dumps(item) if isinstance(item, list | dict) else item


def patched(old: Any, change: Any) -> Any:
    """Return the value that a difference makes of an old one.

    Raises:
        WireError: the difference does not fit.
    """
    try:
        found = _patched(old, change)
        _count(found, 0)
        return found
    except _UNFIT as error:
        raise WireError(f"a difference does not fit: {error}") from error


def _patched(old: Any, change: Any) -> Any:
    if change == SAME:
        return old
    kind = change[0]
    if kind == "=":
        return change[1]
    if kind == "o":
        _, changed, removed = change
        gone = set(removed)
        kept = {key: item for key, item in old.items() if key not in gone}
        for key, one in changed.items():
            kept[key] = _patched(kept.get(key), one)
        return kept
    found: list[Any] = []
    for part in change[1]:
        if isinstance(part, list):
            start, count = part
            if start < 0 or start + count > len(old):
                raise IndexError("beyond the end")
            if len(found) + count > MOST_ITEMS:
                raise IndexError("too many items")
            found += old[start : start + count]
        elif "=" in part:
            found += part["="]
        else:
            at, one = part["~"]
            found.append(_patched(old[at], one))
    return found


def _count(data: Any, so_far: int) -> int:
    """Return the number of values so far with those of nested data.

    Raises:
        WireError: there are too many.
    """
    if isinstance(data, dict | list):
        so_far += len(data)
        if so_far > MOST_ITEMS:
            raise WireError("too many values")
        for item in data.values() if isinstance(data, dict) else data:
            if isinstance(item, dict | list):
                so_far = _count(item, so_far)
    return so_far


# --- actions (`tui.run_actions`) of a box's agent: request and answer


def call_request(action: Callable[..., Any], arguments: Sequence[Any]) -> dict[str, Any]:
    """Return the request for an action, without its number."""
    data = arguments_to_data(action, arguments)
    return {"do": "call", "action": action.__name__, "arguments": data}


def call_result(box: Box, action: Callable[..., Any], answer: Mapping[str, Any], ahead: int) -> Any:
    """Return what an answer says that an action returned; the box's clock is `ahead`.

    Raises:
        BoxError: the answer does not fit.
        TrainuiError: the action failed.
    """
    if "error" in answer:
        said = str(answer["error"])
        if said.startswith("unknown "):  # its agent knows no such action
            raise BoxError(f"{box.name} has an older trainui, which cannot do this; update it")
        raise _error(str(answer.get("kind")), said)
    try:
        return from_data(answer.get("value"), result_kind(action), ahead)
    except WireError as error:
        what = f"{box.name} answered what does not fit ({harmless(str(error))})"
        raise BoxError(f"{what}; update trainui there, or here") from error


def _error(kind: str, said: str) -> TrainuiError:
    words = "\n".join(map(harmless, said.split("\n")))
    if kind == PipelineFileError.__name__:
        found = PipelineFileError(())
        found.args = (words,)
        return found
    return _ERRORS.get(kind, TrainuiError)(words)


def call_over(connection: BoxConnection, action: Callable[..., Any], *arguments: Any) -> Any:
    """Do an action over a connection; return its result.

    Raises:
        BoxError: the box does not answer, or answers what does not fit.
        TrainuiError: the action failed.
    """
    if not connection.is_current:
        name = connection.box.name
        raise BoxError(f"{name} has another version of trainui; update it there, or here")
    connection.send(id=1, clock=connection.shown_clock, **call_request(action, arguments))
    for message in boxes.messages(connection, time.monotonic() + CALL_TIMEOUT):
        if message.get("id") == 1:
            return call_result(connection.box, action, message, connection.clock_difference)
    raise AssertionError("unreachable")


def call_all(
    action: Callable[..., Any], arguments: Callable[[BoxConnection], Sequence[Any]]
) -> dict[Box, Any | str]:
    """Do an action on all boxes at the same time; return its results, or why there is none."""

    def ask(box: Box) -> Any:
        try:
            with boxes.connected(box, LIST_CONNECT) as connection:
                return call_over(connection, action, *arguments(connection))
        except BoxError as error:
            return harmless(str(error))
        except TrainuiError as error:
            return f"{box.name}: {harmless(str(error))}"

    from concurrent.futures import ThreadPoolExecutor  # it imports logging

    found = list(boxes.all_boxes().values())
    with ThreadPoolExecutor(max(len(found), 1)) as pool:
        return dict(zip(found, pool.map(ask, found), strict=True))
