"""What can be told of a document's stages even where parts of it are wrong.

By it names, dependencies and variables are checked in the same go as the types.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass

from trainui.pipeline import matrix, names
from trainui.pipeline.nodes import Mapping, Node, Scalar, Sequence
from trainui.pipeline.parameters import Parameters

MAX_MEMBERS = 20_000
"""Stages of a pipeline, members of matrices counted."""


@dataclass(frozen=True, slots=True)
class StageOutline:
    """One stage of the document."""

    node: Mapping
    """Its fields, defaults among them."""

    name: Scalar | None
    """None: missing, or not a fit name."""

    depends_on: tuple[Scalar, ...]
    """As far as they are names."""

    matrix: AnyMapping[str, tuple[str, ...]]
    """As far as the values are values, parameters filled in."""

    templates: tuple[tuple[str, Scalar], ...]
    """Every value in which `${` stands, with its field."""

    def has(self, field: str) -> bool:
        """Tell whether a field is there."""
        return field in self.node.entries

    @property
    def size(self) -> int:
        """How many members it has; 1 where there is no matrix."""
        return matrix.size(self.matrix) if self.matrix else 1


@dataclass(frozen=True, slots=True)
class Outline:
    """The document's stages."""

    document: Mapping
    parameters: Parameters
    stages: tuple[StageOutline, ...]

    @property
    def too_large(self) -> bool:
        """Whether the matrices have more members than a pipeline may have."""
        return sum(stage.size for stage in self.stages) > MAX_MEMBERS

    def groups(self) -> list[matrix.Group]:
        """Return the stages with their members; of equal names the first."""
        groups: dict[str, matrix.Group] = {}
        for stage in self.stages:
            if stage.name is not None and stage.name.text not in groups:
                members = matrix.expand(stage.matrix)
                groups[stage.name.text] = matrix.Group(stage.name.text, members)
        return list(groups.values())


def of(document: Mapping, parameters: Parameters) -> Outline:
    """Return a document's outline."""
    stages = document.get("stages")
    items = stages.items if isinstance(stages, Sequence) else ()
    outlines = tuple(_stage(item, parameters) for item in items if isinstance(item, Mapping))
    return Outline(document, parameters, outlines)


def _stage(node: Mapping, parameters: Parameters) -> StageOutline:
    name = node.get("name")
    fit = isinstance(name, Scalar) and names.stage_name_fault(name.text) is None
    return StageOutline(
        node=node,
        name=name if fit and isinstance(name, Scalar) else None,
        depends_on=tuple(_scalars(node.get("depends_on"))),
        matrix=_matrix(node.get("matrix"), parameters),
        templates=tuple(
            (field, scalar)
            for field, entry in node.entries.items()
            for scalar in templates_in(entry.value)
        ),
    )


def templates_in(node: Node) -> Iterator[Scalar]:
    """Return all single values within a node in which `${` stands, keys left out."""
    if isinstance(node, Scalar):
        if "${" in node.text:
            yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from templates_in(item)
    else:
        for entry in node.entries.values():
            yield from templates_in(entry.value)


def _scalars(node: Node | None) -> list[Scalar]:
    items = node.items if isinstance(node, Sequence) else ()
    # an item with nothing in it is reported by the check of types; "" is a text
    return [item for item in items if isinstance(item, Scalar) and (item.text or not item.plain)]


def _matrix(node: Node | None, parameters: Parameters) -> dict[str, tuple[str, ...]]:
    if not isinstance(node, Mapping):
        return {}
    values = {
        name: tuple(_value(item, parameters) for item in _scalars(entry.value))
        for name, entry in node.entries.items()
    }
    return {name: choices for name, choices in values.items() if choices}


def _value(scalar: Scalar, parameters: Parameters) -> str:
    expanded = parameters.expand(scalar)
    return (expanded or scalar).text
