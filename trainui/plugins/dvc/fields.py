"""Convert the fields of a DVC stage, its inputs and outputs; note those without an equivalent."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainui.plugin.importing import (
    Mapping,
    Problems,
    Scalar,
    Variable,
    items_of,
    names,
    one_or_more,
    template,
)
from trainui.plugin.importing import Sequence as ListNode
from trainui.plugins.dvc import document
from trainui.plugins.dvc.document import PARAMS_FILE, Stage, unknown

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
    options: Mapping

    @property
    def is_remote(self) -> bool:
        """True for a URL: the file is not on this machine."""
        return "://" in self.path


def fill(scalar: Scalar, stage: Stage) -> str:
    """Return a text with all known variables substituted; unknown ones are left out."""
    texts = []
    for part in document.parts_of(scalar.text):
        if isinstance(part, str):
            texts.append(part)
        elif (found := document.find(stage.values, part.path)) is not None:
            texts.append(document.arguments(document.filled(found, stage.values)))
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
        for reference in document.references(text):
            if document.find(stage.values, reference.path) is None:
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
        elif isinstance(item, Mapping):
            for entry in item.entries.values():
                texts = [one for one in items_of(entry.value) if isinstance(one, Scalar)]
                yield entry.key, [fill(one, stage) for one in texts]
    if first is not None:
        yield first, keys


def _listed(stage: Stage, name: str) -> Iterator[DvcFile]:
    for item in items_of(stage.body.get(name)):
        if isinstance(item, Scalar):
            yield _file(stage, name, item)
        elif isinstance(item, Mapping):
            for entry in item.entries.values():
                options = entry.value if isinstance(entry.value, Mapping) else Mapping()
                yield _file(stage, name, entry.key, options)


def _file(stage: Stage, name: str, written: Scalar, options: Mapping | None = None) -> DvcFile:
    path, workdir = fill(written, stage), stage.body.get("wdir")
    if "://" not in path:
        below = fill(workdir, stage) if isinstance(workdir, Scalar) else "."
        path = posixpath.normpath(posixpath.join(posixpath.normpath(below), path))
    return DvcFile(name, written, path, options or Mapping())


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
                for part in document.parts_of(scalar.text)
            )
        )

    def _part(self, part: document.Reference, stage: Stage, *, matrix: bool) -> str | Variable:
        if part.path[:1] == ("item",) and matrix:
            return Variable(f"matrix.{part.path[-1]}")
        found = document.find(stage.values, part.path)
        assert found is not None, "unknown references have been reported"
        found = document.filled(found, stage.values)
        text = document.arguments(found)
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
        case Mapping(entries=entries):
            inner = (f"{name}: {_shown(entry.value)}" for name, entry in entries.items())
            return f"{{{', '.join(inner)}}}"
        case _:
            return ""
