"""Read a DVC file, expand its stages and find their comments; all problems are reported at once.

`${...}` is resolved from parameter files, vars, and the items of foreach or matrix.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainui.plugin.importing import (
    BOOLEANS,
    MAX_BYTES,
    Mapping,
    MappingEntry,
    Node,
    NotJsonError,
    Position,
    Problems,
    Scalar,
    Sequence,
    items_of,
    kind_of,
    node_of,
    plain_files,
    read_tree,
)

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


PARAMS_FILE = "params.yaml"
"""File of values that DVC always reads."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as DVC would run it, after expanding foreach and matrix."""

    name: str
    """DVC's name, e.g. `train@cnn`."""
    family: str
    """Its key in the file."""
    body: Mapping
    """Its fields, as written."""
    mark: Position
    """Position of its key."""
    values: Mapping
    """The values that `${...}` can refer to, including `item` and `key`."""
    choice: dict[str, str] | None = None
    """Its matrix values if they are all scalars; None otherwise or without a matrix."""


@dataclass(frozen=True, slots=True)
class Document:
    """A DVC file."""

    stages: tuple[Stage, ...]
    others: tuple[MappingEntry, ...]
    """Top-level entries other than stages and vars."""


def read(text: str, directory: Path, problems: Problems) -> Document:
    """Read a DVC file and the files of values that it refers to.

    The document is complete if `problems` stays empty.
    """
    top = read_tree(text, problems)
    if not isinstance(top, Mapping):
        if not problems:
            problems.add(Position(1, 1), "empty", "the file contains no stages")
        return Document((), ())
    reader = _Reader(directory, problems)
    values = reader.with_vars(reader.file_values(PARAMS_FILE, top.mark, must=False), top)
    stages = top.get("stages")
    if not isinstance(stages, Mapping) or not stages.entries:
        problems.add(top.mark, "no-stages", "this is no dvc.yaml: it has no mapping `stages`")
        stages = Mapping()
    found = [one for entry in stages.entries.values() for one in reader.stages(entry, values)]
    others = tuple(e for name, e in top.entries.items() if name not in ("stages", "vars"))
    return Document(tuple(found), others)


_Variant = tuple[str, Node, dict[str, str] | None]
"""A stage of a family: the part of its name after `@`, its `item`, and its `Stage.choice`."""


class _Reader:
    def __init__(self, directory: Path, problems: Problems) -> None:
        self._directory = directory
        self._problems = problems

    def stages(self, entry: MappingEntry, values: Mapping) -> Iterator[Stage]:
        name, node = entry.key.text, entry.value
        if not isinstance(node, Mapping):
            self._wrong(entry.key.mark, f"the stage {name} must be a mapping, not {kind_of(node)}")
            return
        body = node
        if isinstance(inner := node.get("do"), Mapping):
            body = inner
        local = self.with_vars(values, body)
        if (each := node.entries.get("foreach")) is not None:
            variants = self._each(each, local)
        elif (matrix := node.entries.get("matrix")) is not None:
            variants = self._matrix(matrix, local)
        else:
            yield Stage(name, name, body, entry.key.mark, local)
            return
        for label, item, choice in variants:
            own = {"item": _entry("item", item), "key": _entry("key", Scalar(label, plain=False))}
            everything = Mapping({**local.entries, **own}, local.mark)
            yield Stage(f"{name}@{label}", name, body, entry.key.mark, everything, choice)

    def _each(self, each: MappingEntry, values: Mapping) -> Iterator[_Variant]:
        node = self._resolved(each.value, values)
        if isinstance(node, Sequence):
            plain = all(isinstance(item, Scalar) for item in node.items)
            for at, item in enumerate(node.items):
                text = self._text(item, values) if plain else str(at)
                yield text, item, {"item": text} if plain else None
        elif isinstance(node, Mapping):
            yield from ((key, one.value, None) for key, one in node.entries.items())
        else:
            self._wrong(each.key.mark, f"foreach takes a list or a mapping, not {kind_of(node)}")

    def _matrix(self, matrix: MappingEntry, values: Mapping) -> Iterator[_Variant]:
        node, mark = self._resolved(matrix.value, values), matrix.key.mark
        if not isinstance(node, Mapping):
            self._wrong(mark, f"matrix takes a mapping of lists, not {kind_of(node)}")
            return
        lists = {key: self._resolved(one.value, values) for key, one in node.entries.items()}
        for key, one in lists.items():
            if not isinstance(one, Sequence):
                self._wrong(mark, f"matrix.{key} must be a list, not {kind_of(one)}")
                return
        items = [one.items for one in lists.values() if isinstance(one, Sequence)]
        for chosen in itertools.product(*map(enumerate, items)):
            picked = dict(zip(lists, chosen, strict=True))
            texts = {
                key: self._text(item, values) if isinstance(item, Scalar) else f"{key}{at}"
                for key, (at, item) in picked.items()
            }
            plain = all(isinstance(item, Scalar) for _, item in picked.values())
            item = Mapping({key: _entry(key, one) for key, (_, one) in picked.items()})
            yield "-".join(texts.values()), item, texts if plain else None

    def with_vars(self, values: Mapping, node: Mapping) -> Mapping:
        """Return values overridden by those of a node's `vars`."""
        for item in items_of(node.get("vars")):
            if isinstance(item, Mapping):
                values = merged(values, item)
            elif isinstance(item, Scalar):
                values = merged(values, self._named(item))
        return values

    def _named(self, item: Scalar) -> Mapping:
        """Return the values that `FILE` or `FILE:KEY,KEY` refers to."""
        file, _, keys = item.text.partition(":")
        found = self.file_values(file, item.mark, must=True)
        if not keys:
            return found
        return Mapping({k: e for k, e in found.entries.items() if k in keys.split(",")})

    def file_values(self, name: str, mark: Position, *, must: bool) -> Mapping:
        """Return the values of a file; empty if it is missing and not required."""
        path = self._directory / name
        if path.suffix not in (".yaml", ".yml", ".json", ".toml"):
            self._wrong(mark, f"{name}: only values of YAML, JSON and TOML files are read")
            return Mapping()
        try:
            with plain_files.open_plain(path) as file:
                data = file.read(MAX_BYTES + 1)
            text = data.decode()
        except FileNotFoundError:
            if must:
                self._wrong(mark, f"there is no file {name}, whose values are used")
            return Mapping()
        except (OSError, ValueError) as error:
            self._wrong(mark, f"{name} cannot be read: {error}")
            return Mapping()
        if len(data) > MAX_BYTES:
            self._wrong(mark, f"{name} is larger than {MAX_BYTES} bytes; shorten it")
            return Mapping()
        if path.suffix == ".toml":
            return self._toml(text, name, mark)
        found = Problems(os.fspath(path), text)
        tree = read_tree(text, found)
        for problem in found.in_order():
            if problem.code != "tag":  # harmless: values are only inserted as text
                self._wrong(mark, str(problem))
        return tree if isinstance(tree, Mapping) else Mapping()

    def _toml(self, text: str, name: str, mark: Position) -> Mapping:
        try:
            node = node_of(tomllib.loads(text), mark, where=name)
        except (tomllib.TOMLDecodeError, NotJsonError) as error:
            self._wrong(mark, f"{name}: {error}")
            return Mapping()
        return node if isinstance(node, Mapping) else Mapping()

    def _resolved(self, node: Node, values: Mapping) -> Node:
        """Return the value of a single `${...}`; any other node is returned unchanged."""
        if not isinstance(node, Scalar):
            return node
        parts = [part for part in parts_of(node.text) if part]
        if len(parts) != 1 or isinstance(parts[0], str):
            return node
        found = find(values, parts[0].path)
        if found is None:
            self._unknown(node, parts[0])
        return filled(found, values) if found else node

    def _text(self, node: Node, values: Mapping) -> str:
        resolved = self._resolved(node, values)
        return text_of(resolved) if isinstance(resolved, Scalar) else "?"

    def _unknown(self, node: Scalar, reference: Reference) -> None:
        self._problems.add(node.mark, "unknown-variable", unknown(reference))

    def _wrong(self, mark: Position, message: str) -> None:
        self._problems.add(mark, "wrong-type", message)


def unknown(reference: Reference) -> str:
    """Return the message for a reference to an unknown value."""
    return f"{reference.written} is neither in {PARAMS_FILE} nor in vars; add it there"


def _entry(name: str, value: Node) -> MappingEntry:
    return MappingEntry(Scalar(name, plain=True), value)


class Comments:
    """The comments of a valid YAML text."""

    def __init__(self, text: str) -> None:
        root = read_tree(text, Problems(""))
        covered = sorted(_spans(root)) if root is not None else []
        self._by_line: dict[int, str] = {}
        self._whole: set[int] = set()
        position = 0
        for number, line in enumerate(text.splitlines(keepends=True), start=1):
            found = _comment(line, position, covered)
            if found is not None:
                self._by_line[number] = found
                if line.lstrip().startswith("#"):
                    self._whole.add(number)
            position += len(line)
        top = root.entries if isinstance(root, Mapping) else {}
        stages = top["stages"].value if "stages" in top else None
        keys = stages.entries.values() if isinstance(stages, Mapping) else ()
        self._starts = sorted(self._above(entry.key.mark.line) for entry in keys)

    def _above(self, line: int) -> int:
        """Return the first line of the comment block right above a line."""
        while line - 1 in self._whole:
            line -= 1
        return line

    def head(self) -> list[str]:
        """Return the comments before the first stage."""
        first = self._starts[0] if self._starts else 1
        return [words for line, words in self._by_line.items() if line < first]

    def of(self, stage: Stage) -> list[str]:
        """Return a stage's comments."""
        start = self._above(stage.mark.line)
        end = next((line for line in self._starts if line > start), 1 << 60)
        return [words for line, words in self._by_line.items() if start <= line < end]


def _spans(node: Node) -> list[tuple[int, int]]:
    if isinstance(node, Scalar):
        return [(node.mark.start, node.mark.end)] if node.text else []
    if isinstance(node, Sequence):
        return [span for item in node.items for span in _spans(item)]
    return [span for e in node.entries.values() for one in (e.key, e.value) for span in _spans(one)]


def _comment(line: str, start: int, covered: list[tuple[int, int]]) -> str | None:
    """Return a line's comment: the text from a # that is not part of a value."""
    for at, character in enumerate(line):
        if character != "#" or (at and not line[at - 1].isspace()):
            continue
        if not any(begin <= start + at < end for begin, end in covered):
            return line[at:].strip()
    return None
