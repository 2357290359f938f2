"""Resolve `${...}` in a DVC file: values of parameter files, vars, and foreach or matrix items."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from trainui.plugin.importing import BOOLEANS, Mapping, MappingEntry, Node, Scalar, Sequence

_TOKEN = re.compile(r"\\\$\{|\$\{\s*([^{}\n]*?)\s*\}")
_STEP = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """A `${...}` reference."""

    written: str
    """Its source text."""
    path: tuple[str, ...]
    """Keys and indices from the root."""


def parts_of(text: str) -> Iterator[str | Reference]:
    """Split a text into literal parts and references; `\\${` is an escaped `${`."""
    position = 0
    for match in _TOKEN.finditer(text):
        yield text[position : match.start()]
        position = match.end()
        if match[1] is None:
            yield "${"
        else:
            yield Reference(match[0], tuple(_STEP.findall(match[1])))
    yield text[position:]


def references(node: Node) -> Iterator[Reference]:
    """Return every reference within a node."""
    if isinstance(node, Scalar):
        yield from (part for part in parts_of(node.text) if isinstance(part, Reference))
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from references(item)
    else:
        for entry in node.entries.values():
            yield from references(entry.key)
            yield from references(entry.value)


def find(top: Node, path: tuple[str, ...]) -> Node | None:
    """Return the value at a path; None if there is none."""
    node: Node | None = top
    for step in path:
        if isinstance(node, Mapping):
            node = node.get(step)
        elif isinstance(node, Sequence) and step.isdecimal() and int(step) < len(node.items):
            node = node.items[int(step)]
        else:
            return None
    return node


def merged(below: Mapping, above: Mapping) -> Mapping:
    """Merge two mappings recursively; `above` takes precedence."""
    entries = dict(below.entries)
    for name, entry in above.entries.items():
        under = entries.get(name)
        if under and isinstance(under.value, Mapping) and isinstance(entry.value, Mapping):
            entry = MappingEntry(entry.key, merged(under.value, entry.value))
        entries[name] = entry
    return Mapping(entries, above.mark)


def text_of(scalar: Scalar) -> str:
    """Return a value's text as DVC inserts it: formatted by Python, e.g. 0.001 for `1e-3`."""
    try:
        value = scalar.value
    except ValueError:  # infinities, NaN, and what is too large
        return scalar.text.replace(".", "") if scalar.text[-3:].isalpha() else scalar.text
    return str(value).lower() if isinstance(value, bool) else str(value)


def filled(node: Node, values: Mapping, *, depth: int = 9) -> Node:
    """Return a value with its references resolved; unknown references are left unchanged."""
    if isinstance(node, Sequence):
        return Sequence(tuple(filled(item, values, depth=depth) for item in node.items), node.mark)
    if isinstance(node, Mapping):
        entries = {
            name: MappingEntry(entry.key, filled(entry.value, values, depth=depth))
            for name, entry in node.entries.items()
        }
        return Mapping(entries, node.mark)
    if "${" not in node.text or not depth:
        return node
    parts = [part for part in parts_of(node.text) if part]
    found = [
        part if isinstance(part, str) else find(values, part.path) or part.written for part in parts
    ]
    if len(found) == 1 and not isinstance(found[0], str):
        return filled(found[0], values, depth=depth - 1)
    texts = (
        one if isinstance(one, str) else arguments(filled(one, values, depth=depth - 1))
        for one in found
    )
    return Scalar("".join(texts), plain=False, mark=node.mark)


def arguments(node: Node) -> str:
    """Return a value as DVC inserts it in a command: a mapping as options, a list as words."""
    if isinstance(node, Scalar):
        return text_of(node)
    if isinstance(node, Sequence):
        return " ".join(shlex.quote(arguments(item)) for item in node.items)
    return " ".join(_options("", node))


def _options(prefix: str, node: Mapping) -> Iterator[str]:
    for name, entry in node.entries.items():
        value = entry.value
        if isinstance(value, Mapping):
            yield from _options(f"{prefix}{name}.", value)
        elif isinstance(value, Scalar) and value.plain and value.text in BOOLEANS:
            if BOOLEANS[value.text]:
                yield f"--{prefix}{name}"
        elif isinstance(value, Scalar):
            yield f"--{prefix}{name} {shlex.quote(text_of(value))}"
        elif words := arguments(value):
            yield f"--{prefix}{name} {words}"
