"""Edit single values in a pipeline file's text.

Only scalars on one line can be edited: run parameters, stage parameters and matrix values.
The rest of the text, including comments, is unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from trainui.domain.definition import StageDefinition


@dataclass(frozen=True, slots=True)
class EditedValue:
    """An editable value and its position in the text."""

    scope: str
    """`run`: a run parameter; `stage`: a stage parameter; `matrix`: a matrix value."""
    name: str
    value: str
    """As text."""
    start: int
    end: int


def places(text: str, stage: StageDefinition | None = None) -> list[EditedValue]:
    """Return the editable values: the run's parameters, then those of a stage.

    Args:
        text: the pipeline file's text.
        stage: the stage to include; None: run parameters only.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return []
    found = list(_scalars(text, "run", _entry(root, "params")))
    if stage is not None:
        node = _stage(root, stage.group or stage.name)
        found += _scalars(text, "stage", _entry(node, "params"))
        found += _matrix(text, _entry(node, "matrix"), stage.matrix or {})
    return found


def with_values(text: str, changes: Mapping[EditedValue, str]) -> str:
    """Return the text with values replaced; a value is quoted if it is not a plain YAML scalar."""
    for place in sorted(changes, key=lambda place: place.start, reverse=True):
        text = text[: place.start] + _written(changes[place]) + text[place.end :]
    return text


def _written(value: str) -> str:
    try:
        node = yaml.compose(f"[{value}]", Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return json.dumps(value, ensure_ascii=False)
    plain = (
        isinstance(node, yaml.SequenceNode)
        and len(node.value) == 1
        and isinstance(node.value[0], yaml.ScalarNode)
        and "#" not in value
        and ": " not in value
    )
    return value if plain else json.dumps(value, ensure_ascii=False)


def _entry(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == name:
                found: yaml.Node = value
                return found
    return None


def _stage(root: yaml.Node | None, group: str) -> yaml.Node | None:
    listed = _entry(root, "stages")
    for node in listed.value if isinstance(listed, yaml.SequenceNode) else ():
        name = _entry(node, "name")
        if isinstance(name, yaml.ScalarNode) and name.value == group:
            found: yaml.Node = node
            return found
    return None


def _scalars(text: str, scope: str, node: yaml.Node | None) -> Iterator[EditedValue]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from _place(text, scope, key.value, value)


def _matrix(text: str, node: yaml.Node | None, member: Mapping[str, str]) -> Iterator[EditedValue]:
    """Yield the matrix values of one member, e.g. 0.3 of `lr: [0.1, 0.3]`."""
    for name, wanted in member.items():
        values = _entry(node, name)
        for value in values.value if isinstance(values, yaml.SequenceNode) else ():
            if isinstance(value, yaml.ScalarNode) and value.value == wanted:
                yield from _place(text, "matrix", name, value)
                break


def _place(text: str, scope: str, name: str, node: yaml.Node) -> Iterator[EditedValue]:
    if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
        return
    start, end = node.start_mark.index, node.end_mark.index
    written = text[start:end]
    if "\n" not in written and written[:1] not in ("&", "!", "*"):
        yield EditedValue(scope, name, node.value, start, end)
