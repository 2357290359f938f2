"""Nodes of a document: values with their text as written and the place where they stand."""

from __future__ import annotations

import json
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from typing import NamedTuple

from trainui.domain.definition import Json
from trainui.pipeline import core_schema


class Mark(NamedTuple):
    """A place in a text; made by the hundred thousand, so a tuple."""

    line: int
    """From 1 on."""

    column: int
    """From 1 on, in characters."""

    start: int = 0
    """Characters before it."""

    end: int = 0
    """Characters before its end."""


TOP = Mark(1, 1)
"""The beginning of a text."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value that is neither list nor mapping."""

    text: str
    """As written, without quotes and with escapes resolved."""

    plain: bool
    """Written without quotes, so that it may stand for a number, a flag or nothing."""

    mark: Mark = TOP

    @property
    def value(self) -> Json:
        """What it stands for by YAML's core types; ValueError for numbers too long to read."""
        return core_schema.resolve(self.text) if self.plain else self.text

    @property
    def is_null(self) -> bool:
        """Whether it stands for nothing."""
        return self.plain and self.text in core_schema.NULLS


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...] = ()
    mark: Mark = TOP


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping, in the order written."""

    entries: AnyMapping[str, Entry] = field(default_factory=dict)
    """By the key's text."""

    mark: Mark = TOP

    def get(self, name: str) -> Node | None:
        """Return a key's value; None: there is no such key."""
        entry = self.entries.get(name)
        return entry.value if entry else None


Node = Scalar | Sequence | Mapping
"""Any value of a document."""


class NotJsonError(ValueError):
    """A Python value that JSON cannot hold; the message says which and where."""


def kind_of(node: object) -> str:
    """Name a node's kind for a message: `a list`, `a mapping`, `text`, `the number 3`, ..."""
    match node:
        case Sequence() | list():
            return "a list"
        case Mapping() | dict():
            return "a mapping"
        case Scalar(is_null=True):
            return "nothing"
        case Scalar(plain=True, text=text) if core_schema.looks_typed(text):
            return f"the value {text[:40]}"
        case _:
            return "text"


def data_of(node: Node) -> Json:
    """Return lists, dicts and, for single values, the scalars themselves."""
    match node:
        case Scalar():
            return node
        case Sequence(items=items):
            return [data_of(item) for item in items]
        case Mapping(entries=entries):
            return {name: data_of(entry.value) for name, entry in entries.items()}


def json_of(data: Json) -> Json:
    """Return what `data_of` gave as JSON values: scalars by YAML's core types."""
    if isinstance(data, Scalar):
        return data.value
    if isinstance(data, list):
        return [json_of(item) for item in data]
    return {name: json_of(item) for name, item in data.items()}


def node_of(value: Json, mark: Mark = TOP, *, where: str = "", depth: int = 50) -> Node:
    """Return a Python value as a node, everything in it at one place.

    Args:
        value: what JSON can hold; tuples count as lists.
        mark: the place.
        where: how a message names the value.
        depth: how deep lists and dicts may be nested.

    Raises:
        NotJsonError: JSON cannot hold it.
    """
    if depth < 0:
        raise NotJsonError(f"{where} is nested too deeply")
    match value:
        case str():
            return Scalar(value, plain=False, mark=mark)
        case None | bool() | int() | float():
            return Scalar(_number(value, where), plain=True, mark=mark)
        case list() | tuple():
            items = enumerate(value)
            return Sequence(
                tuple(node_of(v, mark, where=f"{where}[{i}]", depth=depth - 1) for i, v in items),
                mark,
            )
        case dict():
            return Mapping({k: _entry(k, v, mark, where, depth) for k, v in value.items()}, mark)
        case _:
            raise NotJsonError(
                f"{where} is of type {type(value).__name__}; it must be what JSON can hold: "
                "text, a number, true, false, None, a list or a dict"
            )


def _entry(key: object, value: Json, mark: Mark, where: str, depth: int) -> Entry:
    if not isinstance(key, str):
        raise NotJsonError(f"{where} has the key {key!r}; keys must be text")
    inner = f"{where}.{key}" if where else key
    return Entry(
        Scalar(key, plain=False, mark=mark), node_of(value, mark, where=inner, depth=depth - 1)
    )


def _number(value: float | None, where: str) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise NotJsonError(
            f"{where} is {value}, which JSON cannot hold; pass it as text"
        ) from error
