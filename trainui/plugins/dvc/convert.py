"""Convert a DVC file to a pipeline file; whatever has no equivalent is listed in notes.

DVC stages of one family (matrix or foreach) become one sweep if a matrix can express them,
otherwise one stage each.
"""

from __future__ import annotations

import itertools
import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainui.plugin import Imported
from trainui.plugin.importing import (
    Mapping as MapNode,
)
from trainui.plugin.importing import (
    MatrixMembers,
    Pairing,
    PipelineFileError,
    Problems,
    Scalar,
    Variable,
    in_quotes,
    items_of,
    load_text,
    member_name,
    names,
    one_or_more,
    template,
)
from trainui.plugin.importing import Sequence as ListNode
from trainui.plugins.dvc.document import (
    PARAMS_FILE,
    Comments,
    Document,
    Reference,
    Stage,
    arguments,
    filled,
    find,
    parts_of,
    read,
    references,
    unknown,
)

WIDTH = 96
"""Maximum width of a list that is written on one line, in columns."""

OUTPUTS = (
    *("outs", "outs_no_cache", "outs_persist", "outs_persist_no_cache"),
    *("metrics", "metrics_no_cache", "plots", "plots_no_cache"),
)
"""Fields of a stage that list outputs."""


@dataclass(frozen=True, slots=True)
class DvcFile:
    """A path of a stage."""

    listed_in: str
    written: Scalar
    path: str
    """Substituted; relative to the directory of the DVC file, or absolute, or a URL."""
    options: MapNode

    @property
    def is_remote(self) -> bool:
        """True for a URL: the file is not on this machine."""
        return "://" in self.path


def fill(scalar: Scalar, stage: Stage) -> str:
    """Return a text with all known variables substituted; unknown ones are left out."""
    texts = []
    for part in parts_of(scalar.text):
        if isinstance(part, str):
            texts.append(part)
        elif (found := find(stage.values, part.path)) is not None:
            texts.append(arguments(filled(found, stage.values)))
    return "".join(texts)


def check(stage: Stage, problems: Problems) -> None:
    """Report a missing command, and unknown references in the command and paths."""
    workdir = stage.body.get("wdir")
    texts = [item for item in one_or_more(stage.body.get("cmd")) if isinstance(item, Scalar)]
    if not any(item.text.strip() for item in texts):
        problems.add(stage.mark, "no-command", f"the stage {stage.family} has no cmd; give it one")
    texts += [workdir] if isinstance(workdir, Scalar) else []
    texts += [one.written for one in (*outputs_of(stage), *inputs_of(stage))]
    for text in texts:
        for reference in references(text):
            if find(stage.values, reference.path) is None:
                place = problems.place(text.mark, reference.written)
                problems.add(place, "unknown-variable", unknown(reference))


def outputs_of(stage: Stage) -> list[DvcFile]:
    """Return a stage's outputs."""
    return [one for name in OUTPUTS for one in _listed(stage, name)]


def inputs_of(stage: Stage) -> list[DvcFile]:
    """Return a stage's inputs, with parameter files last."""
    files = [_file(stage, "params", name) for name, _ in parameters(stage)]
    return [*_listed(stage, "deps"), *files]


def parameters(stage: Stage) -> Iterator[tuple[Scalar, list[str]]]:
    """Return a stage's parameter files, each with the keys that DVC tracks; empty: all."""
    keys: list[str] = []
    first: Scalar | None = None
    for item in items_of(stage.body.get("params")):
        if isinstance(item, Scalar):
            first = first or Scalar(PARAMS_FILE, plain=True, mark=item.mark)
            keys.append(fill(item, stage))
        elif isinstance(item, MapNode):
            for entry in item.entries.values():
                texts = [one for one in items_of(entry.value) if isinstance(one, Scalar)]
                yield entry.key, [fill(one, stage) for one in texts]
    if first is not None:
        yield first, keys


def _listed(stage: Stage, name: str) -> Iterator[DvcFile]:
    for item in items_of(stage.body.get(name)):
        if isinstance(item, Scalar):
            yield _file(stage, name, item)
        elif isinstance(item, MapNode):
            for entry in item.entries.values():
                options = entry.value if isinstance(entry.value, MapNode) else MapNode()
                yield _file(stage, name, entry.key, options)


def _file(stage: Stage, name: str, written: Scalar, options: MapNode | None = None) -> DvcFile:
    path, workdir = fill(written, stage), stage.body.get("wdir")
    if "://" not in path:
        below = fill(workdir, stage) if isinstance(workdir, Scalar) else "."
        path = posixpath.normpath(posixpath.join(posixpath.normpath(below), path))
    return DvcFile(name, written, path, options or MapNode())


def upstream(stages: Sequence[Stage]) -> dict[str, list[str]]:
    """Return DVC stage name -> the stages that create its inputs, in file order."""
    makers = [(one.path, stage.name) for stage in stages for one in outputs_of(stage)]
    by_path: dict[str, str] = dict(makers)
    above: dict[str, list[str]] = {}
    for stage in stages:
        found: set[str] = set()
        for one in _listed(stage, "deps"):
            found |= {by_path[path] for path in _around(one.path) if path in by_path}
            found |= {maker for path, maker in makers if path.startswith(f"{one.path}/")}
        found.discard(stage.name)
        above[stage.name] = [other.name for other in stages if other.name in found]
    return above


def _around(path: str) -> Iterator[str]:
    """Return a path and its parent directories."""
    yield path
    while (parent := posixpath.dirname(path)) not in ("", path):
        path = parent
        yield path


Written = str | Sequence[str | dict[str, str]] | dict[str, list[str]]
"""A field value in the pipeline file."""

PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
"""Values that mean the same in shell text with and without quotes."""

READ = frozenset({*OUTPUTS, "cmd", "deps", "params", "wdir", "matrix", "foreach", "do", "vars"})
"""Fields of a DVC stage that the conversion uses."""

_KEPT_APART = re.compile(
    r"\b(cd|exit|export|set|source|exec|trap|umask|unset|ulimit)\b|^\s*\.\s", re.M
)
"""Commands that affect the shell; DVC runs each command of a list in a separate shell."""

_STORED = frozenset({"cache", "persist", "push", "remote", "type", "checkpoint"})
"""Options of an output about DVC's storage."""

_CURVES = (".csv", ".tsv", ".jsonl")
_VALUES = (".json",)


class DvcFiller:
    """Substitutes DVC's variables, by trainui variables if these are equivalent."""

    def __init__(self, directory: Path, target: Path, *, literal: bool) -> None:
        self._literal = literal
        self.params: dict[str, str] = {}
        """The parameters that the pipeline file needs."""
        self._root: str | None = None
        self.directory = os.fspath(directory)
        self.from_target = os.path.relpath(directory, target)

    def root(self) -> str:
        """Return the variable for the directory of the DVC file."""
        if self._root is None:
            self._root = "root"
            while self._root in self.params:
                self._root += "_"
            self.params[self._root] = self.directory
        return f"${{params.{self._root}}}"

    def text(self, scalar: Scalar, stage: Stage, *, matrix: bool) -> str:
        """Return a text with DVC's variables replaced."""
        return template.unparse(
            template.join(
                part if isinstance(part, str) else self._part(part, stage, matrix=matrix)
                for part in parts_of(scalar.text)
            )
        )

    def _part(self, part: Reference, stage: Stage, *, matrix: bool) -> str | Variable:
        if part.path[:1] == ("item",) and matrix:
            return Variable(f"matrix.{part.path[-1]}")
        found = find(stage.values, part.path)
        assert found is not None, "unknown references have been reported"
        found = filled(found, stage.values)
        text = arguments(found)
        name = ".".join(part.path)
        is_own = part.path[:1] in (("item",), ("key",))
        fit = (
            isinstance(found, Scalar)
            and PLAIN.fullmatch(text)
            and not names.key_fault(name, names.PARAM_KEY)
        )
        if self._literal or is_own or not fit or self.params.setdefault(name, text) != text:
            return text
        return Variable(f"params.{name}")


class DvcStage:
    """A sweep or a single stage: its fields, except `matrix` and `depends_on`, and notes.

    Outputs of the pipeline's stages (`made`) are not listed as inputs.
    """

    def __init__(
        self, stages: Sequence[Stage], filler: DvcFiller, made: set[str], *, matrix: bool
    ) -> None:
        self.fields: dict[str, Written] = {}
        self.notes: list[str] = []
        self._stage, self._filler, self._matrix = stages[0], filler, matrix
        wdir = self._stage.body.get("wdir")
        self._wdir = self._text(wdir) if isinstance(wdir, Scalar) else "."
        self._convert([one for stage in stages for one in inputs_of(stage)], made)

    def _convert(self, inputs: Sequence[DvcFile], made: set[str]) -> None:
        fields = self.fields
        place = posixpath.normpath(posixpath.join(self._filler.from_target, self._wdir))
        if place != ".":
            fields["workdir"] = place
        if found := list(self._inputs(inputs, made)):
            fields["inputs"] = found
        fields["run"] = self._command()
        outputs = outputs_of(self._stage)
        if sources := [one for one in map(self._source, outputs) if one]:
            fields["metrics"] = sources
        if paths := [self._output(one) for one in outputs if not one.is_remote]:
            fields["outputs"] = list(dict.fromkeys(paths))
        self._note_options(outputs)
        self._note_params()
        self._note_rest()

    def _text(self, scalar: Scalar) -> str:
        return self._filler.text(scalar, self._stage, matrix=self._matrix)

    def _note(self, words: str) -> None:
        if words not in self.notes:
            self.notes.append(words)

    def _command(self) -> str:
        items = one_or_more(self._stage.body.get("cmd"))
        texts = [self._text(one).strip("\n") for one in items if isinstance(one, Scalar)]
        if len(texts) > 1:
            texts = [f"(\n{one}\n)" if _KEPT_APART.search(one) else one for one in texts]
        return "\n".join(texts)

    def _inputs(self, found: Sequence[DvcFile], made: set[str]) -> Iterator[str]:
        seen: set[str] = set()
        missing: list[str] = []
        for one in found:
            if one.is_remote:
                self._note(f"reads {one.path}, which is not checked before it runs")
            elif not _is_made(one.path, made) and one.path not in seen:
                seen.add(one.path)
                if not os.path.lexists(Path(self._filler.directory, one.path)):
                    missing.append(one.path)
                yield posixpath.normpath(posixpath.join(self._filler.from_target, one.path))
        if missing:
            self._note(f"fetch missing inputs before a run: {', '.join(missing)}")

    def _output(self, file: DvcFile) -> str:
        path = posixpath.normpath(posixpath.join(self._wdir, self._text(file.written)))
        return path if path.startswith("/") else f"{self._filler.root()}/{path}"

    def _source(self, file: DvcFile) -> str | dict[str, str] | None:
        """Return a metric source; add a note for a file that trainui cannot plot."""
        is_plot = file.listed_in.startswith("plots")
        if not is_plot and not file.listed_in.startswith("metrics"):
            return None
        suffix = posixpath.splitext(file.path)[1]
        if suffix in _CURVES or (not is_plot and suffix in _VALUES):
            path, step = self._text(file.written), file.options.get("x")
            return {"path": path, "step": step.text} if isinstance(step, Scalar) else path
        self._note(
            f"{file.path} ({file.listed_in}): is kept as an output, but not read as a metric"
        )
        return None

    def _note_options(self, outputs: Sequence[DvcFile]) -> None:
        for one in outputs:
            kind = one.listed_in.partition("_")[2].replace("_", " ")
            options = {name: _shown(e.value) for name, e in one.options.entries.items()}
            stored = [f"{name}: {words}" for name, words in options.items() if name in _STORED]
            if words := ", ".join([kind, *stored] if kind else stored):
                self._note(f"{one.path} ({words}): trainui neither caches nor deletes outputs")
            others = [f"{name}: {o}" for name, o in options.items() if name not in (*_STORED, "x")]
            if others:
                self._note(f"{one.path} ({', '.join(others)}): has no counterpart")
            if one.is_remote:
                self._note(f"{one.path}: an output that is not on this machine is not checked")

    def _note_params(self) -> None:
        for file, keys in parameters(self._stage):
            if keys:
                words = ", ".join(keys)
                self._note(f"of {file.text} DVC tracks only {words}; here any change counts")

    def _note_rest(self) -> None:
        for name, entry in self._stage.body.entries.items():
            if name == "always_changed":
                self._note("always_changed: every run runs it; a resume skips it once completed")
            elif name == "frozen" and _shown(entry.value).lower() != "true":
                continue
            elif name not in READ and name not in ("desc", "frozen"):
                self._note(f"{name}: {_shown(entry.value)}: has no counterpart")


def _is_made(path: str, made: set[str]) -> bool:
    inside = any(path.startswith(f"{one}/") for one in made)
    return path in made or inside or any(one.startswith(f"{path}/") for one in made)


def _shown(node: object) -> str:
    match node:
        case Scalar(text=text):
            return text
        case ListNode(items=items):
            return f"[{', '.join(map(_shown, items))}]"
        case MapNode(entries=entries):
            inner = (f"{name}: {_shown(entry.value)}" for name, entry in entries.items())
            return f"{{{', '.join(inner)}}}"
        case _:
            return ""


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
        check(stage, problems)
    problems.raise_if_any()
    above = upstream(document.stages)
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
        running = [stage for stage in self.document.stages if not _is_frozen(stage)]
        nodes = self._nodes(running)
        filler = DvcFiller(self.directory, self.target, literal=literal)
        made = {output.path for stage in running for output in outputs_of(stage)}
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
        return Imported(_yaml(blocks, filler.params, head), tuple(notes))

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
    uses = [ref.path for ref in references(stages[0].body)]
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


def _is_frozen(stage: Stage) -> bool:
    node = stage.body.get("frozen")
    return isinstance(node, Scalar) and node.text.lower() == "true"


def _yaml(blocks: Sequence[YamlBlock], params: Mapping[str, str], head: Sequence[str]) -> str:
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
