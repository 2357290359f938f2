"""Read a pipeline file as a tree of nodes, within limits of size, depth and aliases."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import field, replace
from pathlib import Path
from typing import Any, TextIO

import yaml
from yaml import events as ev

from trainui.errors import PipelineFileError
from trainui.pipeline.yaml_nodes import (
    BYTE_ORDER_MARK,
    TOP,
    Mapping,
    MappingEntry,
    Node,
    Position,
    Problems,
    Scalar,
    Sequence,
    is_sound,
    kind_of,
    mark_at,
    quoted,
)
from trainui.record import dataclass

# Parse YAML to nodes safely: size, depth and alias limits, no tags, no duplicate keys.
#
# Nodes are built from the parser's events, so the text can never construct Python objects.


MAX_BYTES = 1024 * 1024
"""Maximum size of a pipeline file in UTF-8; enough for 10,000 stages."""

MAX_DEPTH = 50
"""Maximum nesting of lists and mappings, with aliases resolved."""

MAX_ALIASED = 4 * MAX_BYTES
"""Maximum total expansion of aliases in characters; an alias bomb expands to billions."""


_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser if PyYAML was built with it (its wheels are); 30 times faster."""

_FOREIGN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
"""Characters that YAML forbids, and those that are line breaks in YAML 1.1 but not in 1.2."""


def read_tree(text: str, problems: Problems) -> Node | None:
    """Return the root of a YAML document; None if it is empty or invalid."""
    text = text.removeprefix(BYTE_ORDER_MARK)
    if found := _FOREIGN.search(text):
        message = f"the character U+{ord(found[0]):04X} is not allowed in YAML; write an escape"
        problems.add(mark_at(text, found.start()), "not-yaml", message)
        return None
    builder = _Builder(problems)
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            builder.take(event)
    except _StopReading:
        return None
    except yaml.YAMLError as error:
        mark, message = _explain(error, text)
        problems.add(mark, "not-yaml", message)
        return None
    return builder.root


class _StopReading(Exception):
    """Stop parsing; the problem has been reported."""


@dataclass(slots=True)
class _Open:
    """A list or mapping that is still open."""

    event: Any
    nodes: list[Node] = field(default_factory=list)
    """Items, or alternating keys and values."""
    weight: int = 1
    """Characters and nodes in it, with aliases expanded."""
    height: int = 1
    """Levels of nesting in it."""


class _Builder:
    def __init__(self, problems: Problems) -> None:
        self.root: Node | None = None
        self._problems = problems
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        """Anchor -> the node, its weight and its height."""
        self._aliased = 0
        self._documents = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            ev.DocumentStartEvent: self._document,
            ev.ScalarEvent: self._scalar,
            ev.AliasEvent: self._alias,
            ev.SequenceStartEvent: self._open,
            ev.MappingStartEvent: self._open,
            ev.SequenceEndEvent: self._close,
            ev.MappingEndEvent: self._close,
        }

    def take(self, event: Any) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._stop(_mark(event), "not-yaml", "a second document begins here; keep one")

    def _scalar(self, event: Any) -> None:
        self._reject_tag(event)
        plain = event.style in (None, "")
        node = Scalar(event.value, plain, self._place(event))
        if not is_sound(event.value):
            self._problems.add(
                node.mark, "bad-text", "NUL and lone surrogates are not allowed in text"
            )
        self._add(node, event.anchor, weight=1 + len(event.value), height=0)

    def _place(self, event: Any) -> Position:
        """Return an event's position; for an empty value, the position of its key."""
        top = self._stack[-1] if self._stack else None
        if event.value == "" and event.style in (None, "") and top:
            awaits_value = isinstance(top.event, ev.MappingStartEvent) and len(top.nodes) % 2 == 1
            if awaits_value:
                return top.nodes[-1].mark
        return _mark(event)

    def _alias(self, event: Any) -> None:
        anchored = self._anchors.get(event.anchor)
        mark = _mark(event)
        if anchored is None:
            name = quoted(event.anchor)
            self._stop(
                mark,
                "alias",
                f"no anchor {name} precedes this alias; put quotes around a text with *",
            )
            return
        node, weight, height = anchored
        self._aliased += weight
        if self._aliased > MAX_ALIASED:
            self._stop(mark, "alias", "the aliases expand to too much text; write out the values")
        self._check_depth(mark, height)
        self._add(replace(node, mark=mark), None, weight, height)

    def _open(self, event: Any) -> None:
        self._reject_tag(event)
        self._check_depth(_mark(event), 1)
        self._stack.append(_Open(event))

    def _close(self, _: Any) -> None:
        opened = self._stack.pop()
        mark = _mark(opened.event)
        node: Node
        if isinstance(opened.event, ev.MappingStartEvent):
            node = Mapping(self._entries(opened.nodes[::2], opened.nodes[1::2]), mark)
        else:
            node = Sequence(tuple(opened.nodes), mark)
        self._add(node, opened.event.anchor, opened.weight, opened.height)

    def _add(self, node: Node, anchor: str | None, weight: int, height: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = node, weight, height
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        parent.nodes.append(node)
        parent.weight += weight
        parent.height = max(parent.height, height + 1)

    def _entries(self, keys: list[Node], values: list[Node]) -> dict[str, MappingEntry]:
        entries: dict[str, MappingEntry] = {}
        merged: set[str] = set()
        for key, value in zip(keys, values, strict=True):
            if not isinstance(key, Scalar):
                self._problems.add(
                    key.mark, "wrong-type", f"a key must be text, not {kind_of(key)}"
                )
            elif key.plain and key.text == "<<":
                for entry in self._merged(value):
                    if entry.key.text not in entries:
                        merged.add(entry.key.text)
                        entries[entry.key.text] = entry
            elif key.text in entries and key.text not in merged:
                first = entries[key.text].key.mark.line
                name = quoted(key.text)
                message = f"duplicate key {name} (first on line {first}); keep one"
                self._problems.add(key.mark, "duplicate-key", message)
            else:
                merged.discard(key.text)
                entries[key.text] = MappingEntry(key, value)
        return entries

    def _merged(self, value: Node) -> Iterator[MappingEntry]:
        sources = value.items if isinstance(value, Sequence) else (value,)
        for source in sources:
            if isinstance(source, Mapping):
                yield from source.entries.values()
            else:
                message = f"<< takes a mapping or a list of mappings, not {kind_of(source)}"
                self._problems.add(source.mark, "wrong-type", message)

    def _check_depth(self, mark: Position, height: int) -> None:
        if len(self._stack) + height > MAX_DEPTH:
            self._stop(
                mark, "too-deep", f"lists and mappings are nested more than {MAX_DEPTH} deep"
            )

    def _reject_tag(self, event: Any) -> None:
        if event.tag is not None:
            tag = quoted(str(event.tag))
            self._problems.add(_mark(event), "tag", f"the tag {tag} is not allowed; remove it")

    def _stop(self, mark: Position, code: str, message: str) -> None:
        self._problems.add(mark, code, message)
        raise _StopReading


def _mark(event: Any) -> Position:
    start, end = event.start_mark, event.end_mark
    return Position(start.line + 1, start.column + 1, start.index, end.index)


def _explain(error: yaml.YAMLError, text: str) -> tuple[Position, str]:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return mark_at(text, 0), f"this is not YAML: {error}"
    problem, place = str(error.problem), error.problem_mark
    if "escape code" in problem:
        mark = mark_at(text, text.rfind("\\", 0, place.index + 1))
        return mark, "this escape is not the number of any character"
    at_end = place.index >= len(text.rstrip())
    if at_end and error.context_mark is not None:
        place = error.context_mark  # the opening is more helpful than the end of the file
    # libyaml reports the end of the file on the line after the last one
    mark = mark_at(text, min(place.index, len(text.rstrip()) - 1 if text.strip() else 0))
    context = f" {error.context}" if error.context else ""
    if error.context_mark is not None and error.context_mark.line != place.line:
        context += f" that begins on line {error.context_mark.line + 1}"
    ending = "; the text ends too early" if at_end else _advice(text, place.index)
    return mark, f"this is not YAML: {problem}{context}{ending}"


def _advice(text: str, index: int) -> str:
    """Explain the most common mistakes."""
    if text[max(index - 1, 0) : index + 1] == "${":
        return '; inside [ ] and { } put quotes around it, as in ["${params.lr}"]'
    if text[index : index + 1] == "\t":
        return "; indent with spaces"
    if text[index : index + 1] == ":":
        return (
            "; check the indentation, and put quotes around a text that contains ': ', or begin it "
            "on the next line after |"
        )
    opening = text[index : index + 1] if text[index : index + 1] in _RESERVED else ""
    opening = opening or text[max(index - 1, 0) : index].strip(" \n")
    if opening and opening in _RESERVED:
        return f"; put quotes around a text that begins with {opening}"
    return ""


_RESERVED = "@`*&"
"""Characters that an unquoted text cannot begin with."""


# Read the text of a pipeline file from disk or standard input.


STDIN = "-"
"""File argument for standard input."""


@dataclass(frozen=True, slots=True)
class TextSource:
    """A pipeline file's text and its origin."""

    text: str
    directory: str
    """Base directory of relative paths; absolute."""
    file: str | None
    """Absolute path; None: standard input."""


def read_text(file: str, stdin: TextIO | None = None) -> TextSource:
    """Read a pipeline file.

    Raises:
        PipelineFileError: it cannot be read, is too large, or is not UTF-8.
    """
    if file == STDIN:
        text = _decode(_read_stdin(stdin or sys.stdin), file)
        return TextSource(text, str(Path.cwd()), None)
    if not file:
        raise _unreadable(
            "''", "unreadable", "the name of the file is empty; write one, or - for stdin"
        )
    path = Path(file).expanduser().absolute()
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(file, "unreadable", f"the file cannot be read: {reason}") from error
    return TextSource(_decode(data, file), str(path.parent), str(path))


def _read_stdin(stdin: TextIO) -> bytes:
    buffer = getattr(stdin, "buffer", None)
    if buffer is not None:
        data: bytes = buffer.read(MAX_BYTES + 1)
        return data
    return stdin.read(MAX_BYTES + 1).encode("utf-8", "surrogatepass")


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES} bytes; split the pipeline"
        raise _unreadable(file, "too-large", message)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise _unreadable(file, "not-yaml", message, mark_at(before, len(before))) from error


def _unreadable(file: str, code: str, message: str, mark: Position = TOP) -> PipelineFileError:
    problems = Problems(file)
    problems.add(mark, code, message)
    return PipelineFileError(problems.in_order())
