"""Convert the fields of a DVC stage, and note those that have no equivalent."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainui.plugin.importing import Mapping, Scalar, Variable, names, one_or_more, template
from trainui.plugin.importing import Sequence as ListNode
from trainui.plugins.dvc import files, scope
from trainui.plugins.dvc.document import Stage

Written = str | Sequence[str | dict[str, str]] | dict[str, list[str]]
"""A field value in the pipeline file."""

PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
"""Values that mean the same in shell text with and without quotes."""

READ = frozenset(
    {*files.OUTPUTS, "cmd", "deps", "params", "wdir", "matrix", "foreach", "do", "vars"}
)
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
                for part in scope.parts_of(scalar.text)
            )
        )

    def _part(self, part: scope.Reference, stage: Stage, *, matrix: bool) -> str | Variable:
        if part.path[:1] == ("item",) and matrix:
            return Variable(f"matrix.{part.path[-1]}")
        found = scope.find(stage.values, part.path)
        assert found is not None, "unknown references have been reported"
        found = scope.filled(found, stage.values)
        text = scope.arguments(found)
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
        self._convert([one for stage in stages for one in files.inputs(stage)], made)

    def _convert(self, inputs: Sequence[files.DvcFile], made: set[str]) -> None:
        fields = self.fields
        place = posixpath.normpath(posixpath.join(self._filler.from_target, self._wdir))
        if place != ".":
            fields["workdir"] = place
        if found := list(self._inputs(inputs, made)):
            fields["inputs"] = found
        fields["run"] = self._command()
        outputs = files.outputs(self._stage)
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

    def _inputs(self, found: Sequence[files.DvcFile], made: set[str]) -> Iterator[str]:
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

    def _output(self, file: files.DvcFile) -> str:
        path = posixpath.normpath(posixpath.join(self._wdir, self._text(file.written)))
        return path if path.startswith("/") else f"{self._filler.root()}/{path}"

    def _source(self, file: files.DvcFile) -> str | dict[str, str] | None:
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

    def _note_options(self, outputs: Sequence[files.DvcFile]) -> None:
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
        for file, keys in files.parameters(self._stage):
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
