"""The inputs and outputs of DVC stages, and the dependencies that follow from them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trainui.plugin.importing import Mapping, Problems, Scalar, items_of, one_or_more
from trainui.plugins.dvc import scope
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
    for part in scope.parts_of(scalar.text):
        if isinstance(part, str):
            texts.append(part)
        elif (found := scope.find(stage.values, part.path)) is not None:
            texts.append(scope.arguments(scope.filled(found, stage.values)))
    return "".join(texts)


def check(stage: Stage, problems: Problems) -> None:
    """Report a missing command, and unknown references in the command and paths."""
    workdir = stage.body.get("wdir")
    texts = [item for item in one_or_more(stage.body.get("cmd")) if isinstance(item, Scalar)]
    if not any(item.text.strip() for item in texts):
        problems.add(stage.mark, "no-command", f"the stage {stage.family} has no cmd; give it one")
    texts += [workdir] if isinstance(workdir, Scalar) else []
    texts += [one.written for one in (*outputs(stage), *inputs(stage))]
    for text in texts:
        for reference in scope.references(text):
            if scope.find(stage.values, reference.path) is None:
                place = problems.place(text.mark, reference.written)
                problems.add(place, "unknown-variable", unknown(reference))


def outputs(stage: Stage) -> list[DvcFile]:
    """Return a stage's outputs."""
    return [one for name in OUTPUTS for one in _listed(stage, name)]


def inputs(stage: Stage) -> list[DvcFile]:
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
    makers = [(one.path, stage.name) for stage in stages for one in outputs(stage)]
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
