"""The nodes of a pipeline file with their positions, the types of scalars, and problems.

`Problems` collects all problems of a file, with one-line messages, sorted by position.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Collection
from collections.abc import Mapping as AnyMapping
from dataclasses import field
from typing import NamedTuple

from trainui.errors import PipelineFileError, Problem
from trainui.model.definition import Json
from trainui.record import dataclass

MAX_DIGITS = 4000
"""Maximum length of an integer; the time to parse one grows with its square."""

NEAREST_AMONG = 50
"""Maximum number of names compared with a misspelt one, because comparing is slow."""

MAX_GUESSES = 100
"""Number of problems after which no similar names are suggested, because that is slow."""

SHOWN = 80
"""Maximum length of a user's text in a message, in characters."""

# The YAML 1.2 core schema: the type and value of an unquoted scalar.

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
"""Scalars that mean null."""

BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
"""Scalars that mean a boolean; in YAML 1.2 `yes`, `no`, `on` and `off` are text."""

_DECIMAL = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_BEYOND_JSON = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)


def resolve(text: str) -> Json:
    """Return the value of an unquoted scalar.

    Raises:
        ValueError: a number with too many digits, or an infinity or NaN, which JSON does not
            have.
    """
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if _DECIMAL.fullmatch(text) or _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError("the number has too many digits; quote it")
        return int(text, 0) if text.startswith("0") and not text.isdecimal() else int(text)
    if _FLOAT.fullmatch(text):
        if math.isinf(value := float(text)):
            raise ValueError("the number is too large; quote it")
        return value
    if _SPECIAL.fullmatch(text):
        raise ValueError("infinities and NaN cannot be passed as numbers; quote it")
    return text


def in_quotes(value: Json) -> str:
    """Write a text, or a list of texts, in double quotes, so that YAML reads it as it is.

    It is JSON, except for characters that YAML forbids.
    """
    written = json.dumps(value, ensure_ascii=False)
    return _BEYOND_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", written)


def looks_typed(text: str) -> bool:
    """Return True if `text`, written without quotes, would not be read as text."""
    try:
        return not isinstance(resolve(text), str)
    except ValueError:
        return True


# Nodes of a document: values with their source text and position.


class Position(NamedTuple):
    """A position in a text; a tuple, because a file has up to 100,000 of them."""

    line: int
    """Counted from 1."""
    column: int
    """In characters, counted from 1."""
    start: int = 0
    """Offset of the first character."""
    end: int = 0
    """Offset after the last character."""


TOP = Position(1, 1)
"""The beginning of a text."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: neither list nor mapping."""

    text: str
    """The text without quotes and with escapes resolved."""
    plain: bool
    """True: written without quotes, so it may be a number, a boolean or null."""
    mark: Position = TOP

    @property
    def value(self) -> Json:
        """Its value in the YAML core schema; raises ValueError for invalid numbers."""
        return resolve(self.text) if self.plain else self.text

    @property
    def is_null(self) -> bool:
        """True if it is an unquoted null."""
        return self.plain and self.text in NULLS


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...] = ()
    mark: Position = TOP


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """A key of a mapping and its value."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping, in the order written."""

    entries: AnyMapping[str, MappingEntry] = field(default_factory=dict)
    """Text of the key -> entry."""
    mark: Position = TOP
    are_rows: bool = False
    """True: of a matrix written as a list, one mapping a member; its entries are the columns."""

    def get(self, name: str) -> Node | None:
        """Return a key's value; None if the key is absent."""
        entry = self.entries.get(name)
        return entry.value if entry else None


Node = Scalar | Sequence | Mapping
"""Any value of a document."""


def items_of(node: Node | None) -> tuple[Node, ...]:
    """Return the items of a list; none for any other node."""
    return node.items if isinstance(node, Sequence) else ()


def in_columns(node: Node) -> Node:
    """Return a list of mappings with the same keys as one mapping of lists; other nodes unchanged.

    The values are the n-th of each list for the n-th mapping.
    """
    rows = [one for one in items_of(node) if isinstance(one, Mapping)]
    if not rows or len(rows) < len(items_of(node)):
        return node
    keys = rows[0].entries
    if any(row.entries.keys() != keys.keys() for row in rows):
        return node
    columns = {
        name: MappingEntry(
            entry.key, Sequence(tuple(row.entries[name].value for row in rows), entry.key.mark)
        )
        for name, entry in keys.items()
    }
    return Mapping(columns, node.mark, are_rows=True)


def one_or_more(node: Node | None) -> tuple[Node | None, ...]:
    """Return the items of a list; any other node alone."""
    return node.items if isinstance(node, Sequence) else (node,)


class NotJsonError(ValueError):
    """A Python value that JSON cannot represent; the message says which and where."""


def kind_of(node: object) -> str:
    """Describe a node for a message: `a list`, `a mapping`, `text`, `the value 3`, ..."""
    match node:
        case Sequence() | list():
            return "a list"
        case Mapping() | dict():
            return "a mapping"
        case Scalar(is_null=True):
            return "nothing"
        case Scalar(plain=True, text=text) if looks_typed(text):
            return f"the value {text[:40]}"
        case _:
            return "text"


def data_of(node: Node) -> Json:
    """Convert to lists and dicts, with the scalars as leaves."""
    match node:
        case Scalar():
            return node
        case Sequence(items=items):
            return [data_of(item) for item in items]
        case Mapping(entries=entries):
            return {name: data_of(entry.value) for name, entry in entries.items()}


def json_of(data: Json) -> Json:
    """Convert the result of `data_of` to JSON values, reading scalars by the YAML core schema."""
    if isinstance(data, Scalar):
        return data.value
    if isinstance(data, list):
        return [json_of(item) for item in data]
    return {name: json_of(item) for name, item in data.items()}


def node_of(value: Json, mark: Position = TOP, *, where: str = "", depth: int = 50) -> Node:
    """Convert a Python value to a node; all nested values get the same position.

    Tuples count as lists. In messages, the value is called `where`.

    Raises:
        NotJsonError: JSON cannot represent it.
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
                f"{where} is of type {type(value).__name__}; it must be a JSON value: "
                "text, a number, true, false, None, a list or a dict"
            )


def _entry(key: object, value: Json, mark: Position, where: str, depth: int) -> MappingEntry:
    if not isinstance(key, str):
        raise NotJsonError(f"{where} has the key {key!r}; keys must be text")
    inner = f"{where}.{key}" if where else key
    return MappingEntry(
        Scalar(key, plain=False, mark=mark), node_of(value, mark, where=inner, depth=depth - 1)
    )


def _number(value: float | None, where: str) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise NotJsonError(
            f"{where} is {value}, which JSON cannot represent; pass it as text"
        ) from error


BYTE_ORDER_MARK = "\ufeff"
"""May precede the first line; it does not count as a column."""


_SURROGATE = re.compile("[\ud800-\udfff]")


class Problems:
    """A collector of problems; the same problem at the same position counts once."""

    def __init__(self, file: str, text: str = "") -> None:
        self._file = one_line(file)
        self._text = text.removeprefix(BYTE_ORDER_MARK)
        self._found: dict[Problem, None] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, mark: Position, code: str, message: str) -> None:
        """Add a problem."""
        problem = Problem(self._file, mark.line, mark.column, code, one_line(message))
        self._found[problem] = None

    def place(self, mark: Position, words: str) -> Position:
        """Return the position of `words` within a value, or of the value itself if not found.

        They are not found if the source contains escapes or folded lines there.
        """
        index = self._text.find(words, mark.start, mark.end)
        if index < 0:
            return mark
        return mark_at(self._text, index)

    def guess(self, name: str, known: Collection[str]) -> str:
        """Return `did_you_mean`, or an empty text once there are MAX_GUESSES problems."""
        return did_you_mean(name, known) if len(self) < MAX_GUESSES else ""

    def in_order(self) -> list[Problem]:
        """Return the problems, sorted by line and column."""
        return sorted(self._found, key=lambda problem: (problem.line, problem.column))

    def raise_if_any(self) -> None:
        """Raise PipelineFileError with all problems, if there are any."""
        if self._found:
            raise PipelineFileError(self.in_order())


def mark_at(text: str, index: int) -> Position:
    """Return the position of the character at offset `index`."""
    before = text[:index].replace("\r\n", " \n").replace("\r", "\n")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return Position(line, column, index, index) if text else TOP


def is_sound(text: str) -> bool:
    """Return True if a text can be stored and passed to a process: no NUL, no lone surrogate."""
    if "\0" in text:
        return False
    return text.isascii() or not _SURROGATE.search(text)


def one_line(text: str) -> str:
    """Return `text` with unprintable characters replaced by escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def quoted(text: str) -> str:
    """Return a user's text, shortened and in quotes, for a message."""
    short = text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
    return f"'{one_line(short)}'"


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return `; did you mean 'x'?` with the most similar known name, or an empty text."""
    near = difflib.get_close_matches(name, _comparable(name, known), n=1)
    return f"; did you mean {quoted(near[0])}?" if near else ""


def _comparable(name: str, known: Collection[str]) -> list[str]:
    if len(known) <= NEAREST_AMONG:
        return list(known)
    near = [other for other in known if other[:1] == name[:1] and abs(len(other) - len(name)) <= 2]
    return near[:NEAREST_AMONG]
