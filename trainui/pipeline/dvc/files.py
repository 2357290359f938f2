"""The inputs and outputs of DVC stages, and the dependencies that follow from them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from trainui.pipeline.dvc import scope
from trainui.pipeline.dvc.document import PARAMS_FILE, Stage, unknown
from trainui.pipeline.yaml.nodes import Mapping, Scalar
from trainui.pipeline.yaml.nodes import Sequence as ListNode
from trainui.pipeline.yaml.problems import Problems

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
    options: Mapping = field(default_factory=Mapping)

    @property
    def is_remote(self) -> bool:
        """True for a URL: the file is not on this machine."""
        return "://" in self.path


def fill(scalar: Scalar, stage: Stage, problems: Problems) -> str:
    """Return a text with all variables substituted."""
    return "".join(
        part if isinstance(part, str) else _value(part, scalar, stage, problems)
        for part in scope.parts_of(scalar.text)
    )


def _value(part: scope.Reference, scalar: Scalar, stage: Stage, problems: Problems) -> str:
    found = scope.find(stage.values, part.path)
    if found is None:
        place = problems.place(scalar.mark, part.written)
        problems.add(place, "unknown-variable", unknown(part))
        return ""
    return scope.arguments(scope.filled(found, stage.values))


def check(stage: Stage, problems: Problems) -> None:
    """Report a missing command, and unknown references in the command and paths."""
    command = stage.body.get("cmd")
    items = command.items if isinstance(command, ListNode) else (command,)
    texts = [item for item in items if isinstance(item, Scalar)]
    if not any(item.text.strip() for item in texts):
        problems.add(stage.mark, "no-command", f"the stage {stage.family} has no cmd; give it one")
    for text in texts:
        fill(text, stage, problems)
    outputs(stage, problems)
    inputs(stage, problems)


def workdir(stage: Stage, problems: Problems) -> str:
    """Return a stage's working directory, relative to the directory of the DVC file."""
    node = stage.body.get("wdir")
    return posixpath.normpath(fill(node, stage, problems)) if isinstance(node, Scalar) else "."


def outputs(stage: Stage, problems: Problems) -> list[DvcFile]:
    """Return a stage's outputs."""
    return [one for name in OUTPUTS for one in _listed(stage, name, problems)]


def inputs(stage: Stage, problems: Problems) -> list[DvcFile]:
    """Return a stage's inputs, with parameter files last."""
    named = [name for name, _ in parameters(stage)]
    files = [_file(stage, "params", name, Mapping(), problems) for name in named]
    return [*_listed(stage, "deps", problems), *files]


def parameters(stage: Stage) -> Iterator[tuple[Scalar, list[str]]]:
    """Return a stage's parameter files, each with the keys that DVC tracks; empty: all."""
    node = stage.body.get("params")
    keys: list[str] = []
    first: Scalar | None = None
    for item in node.items if isinstance(node, ListNode) else ():
        if isinstance(item, Scalar):
            first = first or Scalar(PARAMS_FILE, plain=True, mark=item.mark)
            keys.append(fill(item, stage, Problems("")))
        elif isinstance(item, Mapping):
            for entry in item.entries.values():
                named = entry.value.items if isinstance(entry.value, ListNode) else ()
                texts = [one for one in named if isinstance(one, Scalar)]
                yield entry.key, [fill(one, stage, Problems("")) for one in texts]
    if first is not None:
        yield first, keys


def _listed(stage: Stage, name: str, problems: Problems) -> Iterator[DvcFile]:
    node = stage.body.get(name)
    for item in node.items if isinstance(node, ListNode) else ():
        if isinstance(item, Scalar):
            yield _file(stage, name, item, Mapping(), problems)
        elif isinstance(item, Mapping):
            for entry in item.entries.values():
                options = entry.value if isinstance(entry.value, Mapping) else Mapping()
                yield _file(stage, name, entry.key, options, problems)


def _file(
    stage: Stage, name: str, written: Scalar, options: Mapping, problems: Problems
) -> DvcFile:
    path = fill(written, stage, problems)
    if "://" not in path:
        path = posixpath.normpath(posixpath.join(workdir(stage, problems), path))
    return DvcFile(name, written, path, options)


def upstream(stages: Sequence[Stage], problems: Problems) -> dict[str, list[str]]:
    """Return DVC stage name -> the stages that create its inputs, in file order."""
    makers = [(one.path, stage.name) for stage in stages for one in outputs(stage, problems)]
    by_path: dict[str, str] = dict(makers)
    above: dict[str, list[str]] = {}
    for stage in stages:
        found: set[str] = set()
        for one in _listed(stage, "deps", problems):
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
