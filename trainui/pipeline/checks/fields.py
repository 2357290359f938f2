"""Check a document against the fields and their types; report each error with its position."""

from __future__ import annotations

from collections.abc import Sequence as AnySequence
from typing import Any

from pydantic import BaseModel, ValidationError

from trainui.pipeline.fields import readers
from trainui.pipeline.fields.parameters import Parameters
from trainui.pipeline.spec import (
    AlertSpec,
    CheckpointSpec,
    MetricSpec,
    PipelineSpec,
    SearchSpec,
    StageFields,
    StageSpec,
)
from trainui.pipeline.yaml.nodes import (
    Mapping,
    MappingEntry,
    Node,
    Position,
    Scalar,
    Sequence,
    data_of,
    kind_of,
)
from trainui.pipeline.yaml.problems import Problems, did_you_mean, quoted

Location = AnySequence[str | int]
"""Path from the root: keys and indices."""


def check(
    document: Mapping, parameters: Parameters, problems: Problems, *, last_resort: bool = False
) -> PipelineSpec | None:
    """Return the document's spec; None: it has errors, which are added to `problems`.

    Errors that another check reports with a better message are added as a `last_resort` only.
    """
    try:
        return PipelineSpec.model_validate(data_of(document), context={"parameters": parameters})
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=False):
            if found["type"] != readers.REPORTED or (last_resort and found["msg"]):
                _report(found, document, problems)
    return None


def _report(found: Any, document: Mapping, problems: Problems) -> None:
    context = found.get("ctx", {})
    location, kind = (*found["loc"], *context.get("at", ())), found["type"]
    if kind == "extra_forbidden":
        _report_unknown(location, document, problems)
    elif kind == "missing":
        _report_missing(location, document, problems)
    elif location and location[-1] == "[key]":
        mark = _find(document, location[:-1], key=True)
        problems.add(mark, kind, f"{_path(location[:-2])}: {found['msg']}")
    else:
        code, message = _PYDANTIC.get(kind, (kind, found["msg"]))
        if location == ("stages",) and kind == "list_type":
            message = _NOT_STAGES
        node = _node(document, location)
        if kind in _PYDANTIC:
            message = f"{message}, not {kind_of(node)}"
        by_key = bool(context.get("key"))
        named = _path(location[:-1] if by_key else location)
        problems.add(_find(document, location, key=by_key), code, f"{named} {message}")


_NOT_STAGES = (
    "must be a list of stages, each beginning with `- name: NAME` (`trainui init --from` converts "
    "files of other programs)"
)

_PYDANTIC = {
    "list_type": ("wrong-type", "must be a list, such as [a, b]"),
    "dict_type": ("wrong-type", "must be a mapping, such as {key: value}"),
    "model_type": ("wrong-type", "must be a mapping, such as {key: value}"),
    "model_attributes_type": ("wrong-type", "must be a mapping, such as {key: value}"),
}
"""Errors found by Pydantic itself -> our code and what the value must be."""


def _report_unknown(location: Location, document: Mapping, problems: Problems) -> None:
    name, owner = str(location[-1]), _owner(location[:-1])
    known = _known_fields(location[:-1])
    meant = _ELSEWHERE.get(name.lower().replace("-", "_"))
    if meant in known and name not in known:
        hint = f"; did you mean {quoted(meant)}?"
    elif owner == "a pipeline" and name in StageFields.model_fields:
        hint = "; put it into a stage, or into `defaults` for all stages"
    elif owner == "defaults" and name in StageSpec.model_fields:
        hint = "; each stage has its own"
    elif owner in ("a stage", "defaults") and name in PipelineSpec.model_fields:
        hint = "; put it at the top of the file"
    else:
        hint = did_you_mean(name, known) or f"; it may have {', '.join(known)}"
    mark = _find(document, location, key=True)
    problems.add(mark, "unknown-field", f"{owner} has no field {quoted(name)}{hint}")


_ELSEWHERE = {
    **dict.fromkeys(("cmd", "command", "script", "shell", "exec"), "run"),
    **dict.fromkeys(("needs", "requires", "after", "upstream", "dependencies"), "depends_on"),
    **dict.fromkeys(("cwd", "wdir", "dir", "directory", "working_directory"), "workdir"),
    **dict.fromkeys(("outs", "artifacts", "produces"), "outputs"),
    **dict.fromkeys(("environment", "variables"), "env"),
    **dict.fromkeys(("kwargs", "args", "arguments"), "params"),
    **dict.fromkeys(("interpreter", "conda", "venv"), "python"),
    **dict.fromkeys(("max_retries", "retry", "attempts"), "retries"),
}
"""Names that other tools use -> our field."""


def _report_missing(location: Location, document: Mapping, problems: Problems) -> None:
    owner = _owner(location[:-1])
    if owner == "a pipeline":
        return  # missing stages: field_combinations has a better message
    advice = _MISSING.get((owner, str(location[-1])), "add it")
    mark = _find(document, location[:-1])
    problems.add(mark, "missing-field", f"{owner} must have a `{location[-1]}`; {advice}")


_MISSING = {
    ("a stage", "name"): "it identifies the stage in commands and dependencies",
    ("a search", "goal"): "add `goal: minimize` or `goal: maximize`",
    ("a search", "metric"): "name the metric whose best value counts",
}
"""(Owner, field) -> what to do about a missing field."""


def _owner(location: Location) -> str:
    if not location:
        return "a pipeline"
    if location[-1] == "defaults":
        return "defaults"
    if len(location) == 2 and location[0] == "stages":
        return "a stage"
    if "alerts" in location:
        return "an alert"
    if location[-1] == "search":
        return "a search"
    return "a checkpoint" if location[-1] == "checkpoint" else "a source of metrics"


def _known_fields(location: Location) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "a pipeline": PipelineSpec,
        "defaults": StageFields,
        "a stage": StageSpec,
        "an alert": AlertSpec,
        "a checkpoint": CheckpointSpec,
        "a search": SearchSpec,
        "a source of metrics": MetricSpec,
    }
    return list(models[_owner(location)].model_fields)


def _path(location: Location) -> str:
    """Format a location, e.g. `env.HOME` or `metrics[0].step`."""
    inner = location[2:] if location[:1] == ("stages",) and len(location) > 2 else location
    if tuple(location[:1]) == ("defaults",) and len(location) > 1:
        inner = location[1:]
    written = ""
    for step in inner:
        written += f"[{step}]" if isinstance(step, int) else f".{step}"
    return written.lstrip(".") or "the file"


def _entry(node: Node | None, step: str | int) -> MappingEntry | Node | None:
    if isinstance(node, Mapping) and isinstance(step, str):
        return node.entries.get(step)
    if isinstance(node, Sequence) and isinstance(step, int):
        return node.items[step]
    return None


def _walk(document: Node, location: Location) -> list[MappingEntry | Node]:
    """Return the nodes along a path; steps that are not in the file are skipped."""
    path: list[MappingEntry | Node] = [document]
    node: Node | None = document
    for step in location:
        found = _entry(node, step)
        if found is not None:
            path.append(found)
            node = found.value if isinstance(found, MappingEntry) else found
    return path


def _node(document: Node, location: Location) -> Node:
    last = _walk(document, location)[-1]
    return last.value if isinstance(last, MappingEntry) else last


def _find(document: Node, location: Location, *, key: bool = False) -> Position:
    last = _walk(document, location)[-1]
    if isinstance(last, MappingEntry):
        # a list or mapping starts on the line after its key, so report the key's position
        by_key = key or not isinstance(last.value, Scalar)
        return last.key.mark if by_key else last.value.mark
    return last.mark
