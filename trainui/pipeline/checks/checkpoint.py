"""Check that the members of a sweep do not write their checkpoints to the same path.

Otherwise one member would continue from the checkpoint of another.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainui.pipeline import template
from trainui.pipeline.fields.parameters import Parameters
from trainui.pipeline.outline import Outline, StageOutline
from trainui.pipeline.template import Template, Variable
from trainui.pipeline.yaml.nodes import Mapping, Scalar
from trainui.pipeline.yaml.problems import Problems, one_line, quoted

_OWN = frozenset({"stage_dir", "stages"})
"""Variables with a different value for each member."""

_ABSOLUTE = frozenset({"run_dir", "env"})
"""Variables that are assumed to start an absolute path, shared by all members."""


def check(outline: Outline, problems: Problems) -> None:
    """Report every sweep in which two members have the same checkpoint path."""
    for stage in outline.stages:
        path = _path(stage)
        if path is None or stage.size < 2:
            continue
        parts = template.join(_filled(path.text, stage, outline.parameters, frozenset()))
        if _is_outside(parts) and (same := _not_named(parts, stage)):
            problems.add(path.mark, "shared-checkpoint", _message(path.text, stage, same))


def _message(path: str, stage: StageOutline, same: list[str]) -> str:
    who = f"the members of {quoted(stage.name.text)}" if stage.name else "its members"
    keys = " and ".join(f"${{matrix.{key}}}" for key in same)
    return (
        f"{who} share the checkpoint path {one_line(path)}, so one would continue from "
        f"another's; put {keys} into the path, or write checkpoints to ${{stage_dir}}"
    )


def _path(stage: StageOutline) -> Scalar | None:
    node = stage.node.get("checkpoint")
    path = node.get("path") if isinstance(node, Mapping) else node
    return path if isinstance(path, Scalar) and not path.is_null else None


def _filled(
    text: str, stage: StageOutline, known: Parameters, above: frozenset[str]
) -> Iterator[str | Variable]:
    """Yield a text's parts, with parameters and the stage's own environment variables expanded."""
    for part in template.parse(text):
        value = None if isinstance(part, str) else _value(part, stage, known)
        if value is None or str(part) in above:
            yield part
        else:
            yield from _filled(value, stage, known, above | {str(part)})


def _value(variable: Variable, stage: StageOutline, known: Parameters) -> str | None:
    environ = stage.node.get("env")
    if variable.kind == "params" and variable.key in known.values:
        return known.values[variable.key].text
    if variable.kind == "env" and isinstance(environ, Mapping):
        value = environ.get(variable.key)
        return value.text if isinstance(value, Scalar) else None
    return None


def _is_outside(parts: Template) -> bool:
    """Return True if a path leads out of the stage's directory."""
    first = parts[0] if parts else ""
    if isinstance(first, Variable):
        return first.kind in _ABSOLUTE
    return first.startswith(("/", "~", "../"))


def _not_named(parts: Template, stage: StageOutline) -> list[str]:
    """Return the matrix keys in which members differ but which their paths do not contain."""
    found = [part for part in parts if isinstance(part, Variable)]
    if any(one.kind in _OWN for one in found):
        return []
    named = {one.key for one in found if one.kind == "matrix"}
    return [key for key, values in stage.matrix.items() if len(values) > 1 and key not in named]
