"""The parts of a document's stages that can be read even if other parts are invalid.

With it, names, dependencies and variables are checked in the same pass as the field types.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import replace

from trainui.pipeline import field_names, matrix
from trainui.pipeline.matrix import Values
from trainui.pipeline.search_fields import MAX_SEEDS, MAX_TRIALS
from trainui.pipeline.template import Parameters
from trainui.pipeline.yaml_nodes import (
    Mapping,
    MappingEntry,
    Node,
    Position,
    Scalar,
    Sequence,
    items_of,
)
from trainui.record import dataclass

MAX_MEMBERS = 20_000
"""Maximum number of stages of a pipeline, including sweep members."""


@dataclass(frozen=True, slots=True)
class StageOutline:
    """One stage of the document."""

    node: Mapping
    """Its fields, including inherited defaults."""
    name: Scalar | None
    """None: missing or invalid."""
    depends_on: tuple[Scalar, ...]
    """Only the items that are names."""
    matrix: AnyMapping[str, tuple[str, ...]]
    """Only the valid values, with parameters substituted; also the keys that `seeds` and a search
    with a space stand for."""
    matrix_mark: Position
    """The position of its problems."""
    space: frozenset[str] | None
    """The names of a search's parameters; None: no search, or one over a matrix."""
    templates: tuple[tuple[str, Scalar], ...]
    """(field, value) for each value that contains `${`."""

    rows: tuple[Values, ...] = ()
    """The members' values that a matrix lists one by one; empty: all combinations are members."""
    each_checkpoint: Scalar | None = None
    """The stage whose checkpoints it evaluates; it has the matrix of that one."""

    def has(self, field: str) -> bool:
        """Return True if the field is present."""
        return field in self.node.entries

    def place(self, field: str) -> Position:
        """Return the position of a field's key; if it is absent, that of the stage."""
        entry = self.node.entries.get(field)
        return entry.key.mark if entry else self.node.mark

    @property
    def own_keys(self) -> Collection[str]:
        """The keys that the file itself gives the matrix."""
        matrix = self.node.get("matrix")
        return matrix.entries.keys() if isinstance(matrix, Mapping) else ()

    @property
    def size(self) -> int:
        """The number of members; 1 without a matrix."""
        return matrix.size(self._axes) * max(len(self.rows), 1)

    @property
    def members(self) -> tuple[Values | None, ...]:
        """The matrix values of each member, the last key varying fastest; `(None,)` without any."""
        if not self.rows:
            return matrix.expand(self._axes)
        others = matrix.expand(self._axes)
        return tuple({**row, **(one or {})} for row in self.rows for one in others)

    @property
    def _axes(self) -> AnyMapping[str, tuple[str, ...]]:
        """The keys of which each value is combined with all others."""
        listed = self.rows[0] if self.rows else ()
        return {key: values for key, values in self.matrix.items() if key not in listed}


@dataclass(frozen=True, slots=True)
class Outline:
    """The document's stages."""

    document: Mapping
    parameters: Parameters
    stages: tuple[StageOutline, ...]

    @property
    def too_large(self) -> bool:
        """True if the pipeline has more than MAX_MEMBERS members."""
        return sum(stage.size for stage in self.stages) > MAX_MEMBERS

    def groups(self) -> list[matrix.MatrixMembers]:
        """Return the stages with their members; of stages with equal names, the first."""
        groups: dict[str, matrix.MatrixMembers] = {}
        for stage in self.stages:
            if stage.name is not None and stage.name.text not in groups:
                groups[stage.name.text] = matrix.MatrixMembers(
                    stage.name.text, stage.members, stage.space is not None
                )
        return list(groups.values())


def outline_of(document: Mapping, parameters: Parameters) -> Outline:
    """Return a document's outline."""
    items = items_of(document.get("stages"))
    outlines = tuple(_stage(item, parameters) for item in items if isinstance(item, Mapping))
    by_name = {one.name.text: one for one in reversed(outlines) if one.name is not None}
    return Outline(document, parameters, tuple(_paired(one, by_name) for one in outlines))


def _paired(stage: StageOutline, by_name: AnyMapping[str, StageOutline]) -> StageOutline:
    """Return an evaluation of each checkpoint with the matrix of the stage that it evaluates."""
    if stage.each_checkpoint is None:
        return stage
    target = by_name.get(stage.each_checkpoint.text)
    if target is None or stage.own_keys:
        return stage
    mark = stage.place("each_checkpoint")
    return replace(stage, matrix=target.matrix, rows=target.rows, matrix_mark=mark)


def _stage(node: Mapping, parameters: Parameters) -> StageOutline:
    name = node.get("name")
    fit = isinstance(name, Scalar) and field_names.stage_name_fault(name.text) is None
    values, mark = _matrix(node, parameters)
    values, rows = _listed(node.get("matrix"), values)
    each = node.get("each_checkpoint")
    return StageOutline(
        node=node,
        name=name if fit and isinstance(name, Scalar) else None,
        depends_on=tuple(_scalars(node.get("depends_on"))),
        matrix=values,
        matrix_mark=mark,
        rows=rows,
        space=_space(node.get("search")),
        templates=tuple(
            (field, scalar)
            for field, entry in node.entries.items()
            for scalar in templates_in(entry.value)
        ),
        each_checkpoint=each if isinstance(each, Scalar) and each.text else None,
    )


def templates_in(node: Node) -> Iterator[Scalar]:
    """Return all scalars within a node that contain `${`, except keys."""
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
    # a null item is reported by the spec; "" is a valid text
    items = items_of(node)
    return [item for item in items if isinstance(item, Scalar) and (item.text or not item.plain)]


def _matrix(stage: Mapping, parameters: Parameters) -> tuple[dict[str, tuple[str, ...]], Position]:
    """Return the values of a stage's matrix, and its position.

    The trials of a search and `seeds: N` are values of further keys, so that their members are
    like any others; problems with these fields are reported by other checks.
    """
    node, mark = stage.get("matrix"), None
    if node is not None:
        mark = stage.entries["matrix"].key.mark
        if not isinstance(node, Mapping):
            return {}, mark
    own = node.entries if node else {}
    values = {
        name: tuple((parameters.expand(one) or one).text for one in _scalars(entry.value))
        for name, entry in own.items()
    }
    numbers = (
        (matrix.TRIAL, _trials(stage), MAX_TRIALS),
        (matrix.SEED, stage.entries.get("seeds"), MAX_SEEDS),
    )
    for key, number, most in numbers:
        if number and key not in own and (count := _count(number.value, most, parameters)):
            values[key] = tuple(map(str, range(count)))
            mark = mark or number.key.mark
    return {name: choices for name, choices in values.items() if choices}, mark or stage.mark


def _listed(
    node: Node | None, values: dict[str, tuple[str, ...]]
) -> tuple[dict[str, tuple[str, ...]], tuple[Values, ...]]:
    """Return a matrix's values, each once, and its members if it lists them one by one."""
    if not isinstance(node, Mapping) or not node.are_rows:
        return values, ()
    listed = [values.get(key, ()) for key in node.entries]
    if len({len(column) for column in listed}) != 1:
        return values, ()  # a value that is no scalar, which the spec reports
    rows = tuple(dict(zip(node.entries, row, strict=True)) for row in zip(*listed, strict=True))
    return {key: tuple(dict.fromkeys(column)) for key, column in values.items()}, rows


def _trials(stage: Mapping) -> MappingEntry | None:
    """Return the field with the number of trials; None: no search with a space."""
    search = stage.get("search")
    if not isinstance(search, Mapping) or "space" not in search.entries:
        return None
    return search.entries.get("trials")


def _count(node: Node, most: int, parameters: Parameters) -> int | None:
    """Return a number; None: not valid, or not known yet."""
    scalar = parameters.expand(node) if isinstance(node, Scalar) else None
    try:
        value = scalar.value if scalar else None
    except ValueError:
        return None
    valid = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
    return value if valid else None


def _space(node: Node | None) -> frozenset[str] | None:
    space = node.get("space") if isinstance(node, Mapping) else None
    return frozenset(space.entries) if isinstance(space, Mapping) else None
