"""Edit single values in a pipeline file's text.

Only scalars on one line can be edited: run parameters, stage parameters, matrix values, and those
of a search, whose choices are edited as a list; of a run of one command, also the command.
The rest of the text, including comments, is unchanged.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, replace
from itertools import islice

from trainui.errors import UsageError
from trainui.model.definition import StageDefinition
from trainui.pipeline import matrix, yaml_nodes
from trainui.pipeline.yaml_nodes import (
    BYTE_ORDER_MARK,
    Mapping,
    Node,
    Problems,
    Scalar,
    Sequence,
    items_of,
)
from trainui.pipeline.yaml_tree import read_tree


@dataclass(frozen=True, slots=True)
class EditedValue:
    """An editable value and its position in the text."""

    scope: str
    """`run`: a run parameter; `stage`: a stage parameter; `matrix`: a matrix value; `command`;
    `evaluation`: a field of an evaluation of checkpoints, whose `run` is a `command`, too;
    `search`: a field of the stage's search, e.g. `trials`, `lr.high` or `prune.warmup_steps`;
    `choices`: the choices of a parameter of its space, e.g. `relu, gelu`."""
    name: str
    value: str
    """As text."""
    start: int
    end: int


def places(text: str, stage: StageDefinition | None = None) -> list[EditedValue]:
    """Return the editable values: the run's parameters, then those of a stage."""
    root = read_tree(text, Problems(""))
    found = list(_scalars(text, "run", _entry(root, "params")))
    if stage is not None:
        node = _stage(root, stage.group or stage.name)
        found += _scalars(text, "stage", _entry(node, "params"))
        found += _matrix(text, _entry(node, "matrix"), stage.matrix or {})
        found += _search(text, _entry(node, "search"))
        if stage.each_checkpoint is not None:
            own = _command(text, _entry(node, "run"), "run")
            fields = (one for one in _scalars(text, "evaluation", node) if one.name in _EVALUATION)
            found += [*filter(None, [own]), *fields]
    return found


_EVALUATION = ("every", "metric", "goal")
"""Fields of an evaluation of checkpoints."""


def command(text: str, stage: StageDefinition | None = None) -> EditedValue | None:
    """Return the command of a stage, or of the only one, as a shell line; None if it has none.

    None also if it has several lines.
    """
    root = read_tree(text, Problems(""))
    if stage is not None:
        return _command(text, _entry(_stage(root, stage.group or stage.name), "run"), "run")
    listed = _entry(root, "stages")
    if not isinstance(listed, Sequence) or len(listed.items) != 1:
        return None
    return _command(text, _entry(listed.items[0], "run"), "command")


def _command(text: str, node: Node | None, name: str) -> EditedValue | None:
    if isinstance(node, Scalar):
        return next(_place(text, "command", name, node), None)
    if not isinstance(node, Sequence):
        return None
    words = [item.text for item in node.items if isinstance(item, Scalar)]
    line = text[node.mark.start :].partition("\n")[0].rstrip()
    if len(words) != len(node.items) or not (line.startswith("[") and line.endswith("]")):
        return None
    end = node.mark.start + len(line)
    return EditedValue("command", name, shlex.join(words), node.mark.start, end)


def with_values(text: str, changes: AnyMapping[EditedValue, str]) -> str:
    """Return the text with values replaced; a value is quoted if it is not a plain YAML scalar.

    Raises:
        UsageError: a command has an open quote.
    """
    for place in sorted(changes, key=lambda place: place.start, reverse=True):
        is_list = place.scope == "command" and text[place.start] == "["
        written = _words(changes[place]) if is_list else _written(changes[place], place.scope)
        text = text[: place.start] + written + text[place.end :]
    return text


def with_more_seeds(text: str, stage: StageDefinition, more: int) -> tuple[str, str] | None:
    """Return the text with more seeds for a sweep, and the edit in words.

    It has `seeds: N`, or whole numbers in a list of its `matrix`; None: neither is written there.
    """
    node = _stage(read_tree(text, Problems("")), stage.group or stage.name)
    for place in _scalars(text, "seeds", node):
        if place.name == "seeds" and place.value.isdecimal():
            total = str(int(place.value) + more)
            return with_values(text, {place: total}), f"seeds: {place.value} -> {total}"
    for name, values in _own(_entry(node, "matrix")).items():
        items = items_of(values) if matrix.is_seed(name) else ()
        found = [place for item in items for place in _place(text, "matrix", name, item)]
        known = [place.value for place in found]
        if not found or len(found) != len(items) or not all(map(str.isdecimal, known)):
            continue
        first = max(map(int, known)) + 1
        added = [str(number) for number in range(first, first + more)]
        end = found[-1].end
        before = text[text.rfind("\n", 0, found[-1].start) + 1 : found[-1].start]
        if before.strip() == "-":
            end = text.find("\n", end) if "\n" in text[end:] else len(text)
            new = "".join(f"\n{before}{number}" for number in added)
        else:
            new = "".join(f", {number}" for number in added)
        words = f"{name}: {', '.join(known)} -> {', '.join([*known, *added])}"
        return text[:end] + new + text[end:], words
    return None


def used_params(text: str, stage: StageDefinition) -> set[str]:
    """Return the names of the run's parameters that a stage uses, also by `defaults`."""
    root = read_tree(text, Problems(""))
    nodes = [_stage(root, stage.group or stage.name), _entry(root, "defaults")]
    return {found[1] for node in nodes for found in _PARAM.finditer(" ".join(_texts(node)))}


_PARAM = re.compile(r"\$\{params\.([^}]+)\}")


def _texts(node: Node | None) -> Iterator[str]:
    if isinstance(node, Scalar):
        yield node.text
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _texts(item)
    elif isinstance(node, Mapping):
        for entry in node.entries.values():
            yield from _texts(entry.value)


def _words(command: str) -> str:
    try:
        return yaml_nodes.in_quotes(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"command: {error}; check its quotes") from error


def _written(value: str, scope: str) -> str:
    node = read_tree(f"[{value}]", Problems(""))
    items = items_of(node)
    plain = all(isinstance(one, Scalar) for one in items)
    plain = plain and (len(items) == 1 or (scope == "choices" and len(items) > 0))
    if plain and "#" not in value and ": " not in value:
        return value
    return yaml_nodes.in_quotes(value)


def _own(node: Node | None) -> dict[str, Node]:
    """Return a mapping's values without those merged into it by `<<`, which others may share."""
    if not isinstance(node, Mapping):
        return {}
    own = node.mark.start
    return {name: e.value for name, e in node.entries.items() if e.key.mark.start >= own}


def _entry(node: Node | None, name: str) -> Node | None:
    return _own(node).get(name)


def _stage(root: Node | None, group: str) -> Node | None:
    for node in items_of(_entry(root, "stages")):
        name = _entry(node, "name")
        if isinstance(name, Scalar) and name.text == group:
            return node
    return None


def _scalars(text: str, scope: str, node: Node | None) -> Iterator[EditedValue]:
    for name, value in _own(node).items():
        yield from _place(text, scope, name, value)


def _matrix(text: str, node: Node | None, member: AnyMapping[str, str]) -> Iterator[EditedValue]:
    """Yield the matrix values of one member, e.g. 0.3 of `lr: [0.1, 0.3]`."""
    for row in items_of(node):  # a mapping a member
        own = _own(row)
        values = {name: one.text for name, one in own.items() if isinstance(one, Scalar)}
        if values and values.items() <= member.items():
            yield from _scalars(text, "matrix", row)
            return
    for name, wanted in member.items():
        items = items_of(_entry(node, name))
        same = (one for one in items if isinstance(one, Scalar) and one.text == wanted)
        for value in islice(same, 1):
            yield from _place(text, "matrix", name, value)


def _search(text: str, node: Node | None) -> Iterator[EditedValue]:
    """Yield the values of a search: of its space, then its own and those of its rules."""
    for name, values in _own(_entry(node, "space")).items():
        yield from _within(text, name, values)
        yield from _choices(text, name, _own(values).get("choices", values))
    yield from _scalars(text, "search", node)
    for name in ("sampler", "prune"):
        yield from _within(text, name, _entry(node, name))


def _within(text: str, name: str, node: Node | None) -> Iterator[EditedValue]:
    for inner in _scalars(text, "search", node):
        yield replace(inner, name=f"{name}.{inner.name}")


def _choices(text: str, name: str, node: Node) -> Iterator[EditedValue]:
    """Yield the choices of a parameter, if they are a list of scalars on one line."""
    items = items_of(node)
    found = [place for item in items for place in _place(text, "choices", name, item)]
    if not found or len(found) != len(items):
        return
    start, end = found[0].start, found[-1].end
    line = text[text.rfind("\n", 0, start) + 1 : start].rstrip()
    if line.endswith("[") and "\n" not in text[start:end]:
        yield EditedValue("choices", name, text[start:end], start, end)


def _place(text: str, scope: str, name: str, node: Node) -> Iterator[EditedValue]:
    if not isinstance(node, Scalar):
        return
    skipped = len(text) - len(text.removeprefix(BYTE_ORDER_MARK))
    start, end = node.mark.start + skipped, node.mark.end + skipped
    written = text[start:end]
    if "\n" not in written and written[:1] not in ("&", "!", "*", "|", ">"):
        yield EditedValue(scope, name, node.text, start, end)
