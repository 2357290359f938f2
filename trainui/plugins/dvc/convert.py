"""Convert a DVC file to a pipeline file; whatever has no equivalent is listed in notes.

DVC stages of one family (matrix or foreach) become one sweep if a matrix can express them,
otherwise one stage each.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainui.plugin import Imported
from trainui.plugin.importing import (
    MatrixMembers,
    Pairing,
    PipelineFileError,
    Problems,
    Scalar,
    in_quotes,
    load_text,
    member_name,
    names,
)
from trainui.plugins.dvc import document, fields
from trainui.plugins.dvc.document import Comments, Document, Stage, read
from trainui.plugins.dvc.fields import PLAIN, DvcFiller, DvcStage, Written

WIDTH = 96
"""Maximum width of a list that is written on one line, in columns."""

_BARE = re.compile(r"[A-Za-z0-9_./=+@~]([A-Za-z0-9_./=+@~ -]*[A-Za-z0-9_./=+@~-])?")
"""A text that needs no quotes anywhere."""

_LINE = re.compile(r"[A-Za-z0-9_./$]([^\n]*[^\s:])?")


def convert(text: str, file: str, directory: Path, target: Path) -> Imported:
    """Return the pipeline file, in the directory `target`, that is equivalent to a DVC file.

    Raises:
        PipelineFileError: the DVC file or the converted file has problems.
    """
    problems = Problems(file, text)
    document = read(text, directory, problems)
    problems.raise_if_any()
    for stage in document.stages:
        fields.check(stage, problems)
    problems.raise_if_any()
    above = fields.upstream(document.stages)
    made = _Conversion(document, Comments(text), above, directory, target)
    converted = made.converted(literal=False)
    try:
        load_text(converted.text, file=file, directory=os.fspath(target))
    except PipelineFileError:
        # a variable is where it cannot be quoted (e.g. in backticks): insert its value, like DVC
        converted = made.converted(literal=True)
        load_text(converted.text, file=f"{file}, converted", directory=os.fspath(target))
    return converted


@dataclass(frozen=True, slots=True)
class _Node:
    """A stage of the pipeline file: a whole DVC family, or a single DVC stage."""

    name: str
    stages: tuple[Stage, ...]
    matrix: bool = False

    @property
    def choices(self) -> list[dict[str, str] | None]:
        """The matrix values of each member; None without a matrix."""
        return [stage.choice if self.matrix else None for stage in self.stages]


@dataclass(frozen=True, slots=True)
class YamlBlock:
    """A stage to write."""

    name: str
    family: str
    fields: Mapping[str, Written]
    comments: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=list)
    left_out: bool = False
    """True: written as a comment."""


@dataclass(slots=True)
class _Conversion:
    document: Document
    comments: Comments
    above: Mapping[str, Sequence[str]]
    directory: Path
    target: Path

    def converted(self, *, literal: bool) -> Imported:
        running = [stage for stage in self.document.stages if not _is_set(stage, "frozen")]
        nodes = self._nodes(running)
        filler = DvcFiller(self.directory, self.target, literal=literal)
        made = {output.path for stage in running for output in fields.outputs_of(stage)}
        blocks = [self._block(node, nodes, filler, made) for node in nodes]
        blocks += [self._frozen(s, filler) for s in self.document.stages if s not in running]
        order = {stage.family: at for at, stage in enumerate(self.document.stages)}
        blocks.sort(key=lambda block: order[block.family])
        notes = [note for block in blocks for note in block.notes]
        notes += [
            f"{entry.key.text} (line {entry.key.mark.line}): has no counterpart at the top of a "
            "pipeline file"
            for entry in self.document.others
        ]
        head = self.comments.head()
        if others := ", ".join(entry.key.text for entry in self.document.others):
            head.append(f"# no counterpart in a pipeline file: {others}")
        return Imported(_file(blocks, filler.params, head), tuple(notes))

    def _nodes(self, stages: Sequence[Stage]) -> list[_Node]:
        """Return the stages to write; a family becomes one stage if a matrix can express it."""
        families: dict[str, list[Stage]] = defaultdict(list)
        for stage in stages:
            families[stage.family].append(stage)
        groups = {name for name, members in families.items() if _fits_matrix(members)}
        while True:
            nodes = _with_unique_names(
                node for name, one in families.items() for node in _split(name, one, name in groups)
            )
            unfit = {
                node.stages[0].family
                for node in nodes
                if node.matrix and self._dependencies(node, nodes) is None
            }
            if not unfit:
                return nodes
            groups -= unfit

    def _dependencies(self, node: _Node, nodes: Sequence[_Node]) -> list[str] | None:
        """Return a stage's `depends_on`; None: its members need different lists."""
        pairing = Pairing(MatrixMembers(n.name, tuple(n.choices)) for n in nodes)
        owner = {stage.name: other for other in nodes for stage in other.stages}
        wanted: dict[str, list[str]] = {}
        for other in nodes:
            sets = [self._of(stage, other, owner) for stage in node.stages]
            if not any(sets):
                continue
            meant = [pairing.resolve(other.name, choice) for choice in node.choices]
            if other.matrix and all(set(a) == b for a, b in zip(meant, sets, strict=True)):
                wanted[other.name] = [other.name]
            elif all(one == sets[0] for one in sets):
                wanted[other.name] = sorted(sets[0])
            else:
                return None
        return [name for found in wanted.values() for name in found]

    def _of(self, stage: Stage, other: _Node, owner: Mapping[str, _Node]) -> set[str]:
        """Return the full names of another node's members that a stage depends on."""
        members = dict(zip((one.name for one in other.stages), other.choices, strict=True))
        return {
            member_name(other.name, members[name])
            for name in self.above[stage.name]
            if owner.get(name) is other
        }

    def _block(
        self, node: _Node, nodes: Sequence[_Node], filler: DvcFiller, made: set[str]
    ) -> YamlBlock:
        first = node.stages[0]
        written = DvcStage(node.stages, filler, made, matrix=node.matrix)
        values: dict[str, Written] = {}
        if node.matrix:
            values["matrix"] = _matrix(node.stages)
        if above := self._dependencies(node, nodes):
            values["depends_on"] = above
        notes = [f"{node.name}: {note}" for note in written.notes]
        comments = self._comments(first)
        return YamlBlock(node.name, first.family, {**values, **written.fields}, comments, notes)

    def _comments(self, stage: Stage) -> list[str]:
        """Return a stage's description, preceded by its comments if it is first of its family."""
        first = next(s for s in self.document.stages if s.family == stage.family)
        words = stage.body.get("desc")
        described = words.text.splitlines() if isinstance(words, Scalar) else []
        found = self.comments.of(stage) if stage is first else []
        return [*found, *(f"# {line}".rstrip() for line in described)]

    def _frozen(self, stage: Stage, filler: DvcFiller) -> YamlBlock:
        name = valid_name(stage.name)
        written = DvcStage((stage,), filler, set(), matrix=False)
        note = f"{name}: is frozen, so it is left out and its existing outputs are used"
        comments = self._comments(stage)
        return YamlBlock(name, stage.family, written.fields, comments, [note], left_out=True)


def valid_name(name: str) -> str:
    """Return a valid stage name, with invalid characters replaced."""
    fit = "".join("_" if c in names.NOT_IN_STAGE_NAMES or not c.isprintable() else c for c in name)
    return fit[: names.MAX_STAGE_NAME].strip() or "_"


def _split(family: str, stages: Sequence[Stage], matrix: bool) -> Iterable[_Node]:
    if matrix:
        return [_Node(valid_name(family), tuple(stages), matrix=True)]
    return [_Node(valid_name(stage.name), (stage,)) for stage in stages]


def _with_unique_names(nodes: Iterable[_Node]) -> list[_Node]:
    """Return the stages with numbers appended to duplicate names."""
    named: dict[str, _Node] = {}
    for node in nodes:
        numbered = (f"{node.name[: names.MAX_STAGE_NAME - 6]}_{at}" for at in itertools.count(2))
        name = next(one for one in itertools.chain([node.name], numbered) if one not in named)
        named[name] = replace(node, name=name)
    return list(named.values())


def _fits_matrix(stages: Sequence[Stage]) -> bool:
    """Return True if one sweep can express these stages of a family."""
    choices = [stage.choice for stage in stages]
    if not all(choices):
        return False
    uses = [ref.path for ref in document.references(stages[0].body)]
    return all(
        names.key_fault(key) is None and bool(PLAIN.fullmatch(value))
        for choice in choices
        for key, value in (choice or {}).items()
    ) and not any(path[:1] == ("key",) for path in uses)


def _matrix(stages: Sequence[Stage]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for stage in stages:
        for key, value in (stage.choice or {}).items():
            values.setdefault(key, [])
            if value not in values[key]:
                values[key].append(value)
    return values


def _is_set(stage: Stage, name: str) -> bool:
    node = stage.body.get(name)
    return isinstance(node, Scalar) and node.text.lower() == "true"


def _file(blocks: Sequence[YamlBlock], params: Mapping[str, str], head: Sequence[str]) -> str:
    """Return the file's text."""
    lines = [*head, *([""] if head else [])]
    if params:
        lines += ["params:", *(f"  {name}: {_scalar(text)}" for name, text in params.items()), ""]
    lines.append("stages:")
    for at, block in enumerate(blocks):
        lines += [*([""] if at else []), *_block(block)]
    return "\n".join(lines) + "\n"


def _block(block: YamlBlock) -> list[str]:
    notes = [f"  # {note.removeprefix(f'{block.name}: ')}" for note in block.notes]
    head = [*(f"  {comment}" for comment in block.comments), *notes]
    body = [f"  - name: {_scalar(block.name)}"]
    for name, value in block.fields.items():
        body += _field(name, value)
    return [*head, *(f"  #{line}" if block.left_out else line for line in body)]


def _field(name: str, value: Written) -> list[str]:
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: [{_items(one)}]" for key, one in value.items())
        return [f"    {name}: {{{inner}}}"]
    if not isinstance(value, str):
        line = f"    {name}: [{_items(value)}]"
        if len(line) <= WIDTH:
            return [line]
        return [f"    {name}:", *(f"      - {_item(item)}" for item in value)]
    return _text(name, value)


def _text(name: str, value: str) -> list[str]:
    fits_line = _LINE.fullmatch(value) and ": " not in value and " #" not in value
    if fits_line or not value or not _fits_block(value):
        return [f"    {name}: {value if fits_line else _scalar(value)}"]
    return [f"    {name}: |", *(f"      {line}".rstrip() for line in value.split("\n"))]


def _fits_block(value: str) -> bool:
    lines = value.split("\n")
    return lines[0][:1] != " " and all(not line or line.isprintable() for line in lines)


def _items(values: Sequence[str | dict[str, str]]) -> str:
    return ", ".join(map(_item, values))


def _item(value: str | dict[str, str]) -> str:
    if isinstance(value, str):
        return _scalar(value)
    return "{" + ", ".join(f"{key}: {_scalar(text)}" for key, text in value.items()) + "}"


def _scalar(text: str) -> str:
    return text if _BARE.fullmatch(text) else in_quotes(text)
