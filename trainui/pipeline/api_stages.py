"""Convert the Python API's list of stages to a document and to the equivalent pipeline file."""

from __future__ import annotations

import json
from collections.abc import Sequence as AnySequence
from typing import Any

from trainui.pipeline.yaml.nodes import (
    TOP,
    Mapping,
    MappingEntry,
    Node,
    NotJsonError,
    Position,
    Scalar,
    Sequence,
    node_of,
)
from trainui.pipeline.yaml.problems import Problems, did_you_mean, quoted

KEYS = ("name", "task", "params", "depends_on")
"""Keys that a stage passed to the Python API may have."""


def document_of(name: str, stages: AnySequence[Any], problems: Problems) -> Mapping:
    """Return the document; problems give a stage's position in the list as the line number."""
    items = [_stage(stage, index, problems) for index, stage in enumerate(stages)]
    present = tuple(item for item in items if item is not None)
    return Mapping(
        {
            "name": MappingEntry(Scalar("name", plain=True), Scalar(name, plain=False)),
            "stages": MappingEntry(Scalar("stages", plain=True), Sequence(present)),
        },
        TOP,
    )


def text_of(name: str, stages: AnySequence[Any]) -> str:
    """Return the equivalent pipeline file, as JSON (which is also valid YAML)."""
    without_nulls = ({k: v for k, v in stage.items() if v is not None} for stage in stages)
    entries = [json.dumps(stage, allow_nan=False) for stage in without_nulls]
    listed = ",\n  ".join(entries)
    return f'{{"name": {json.dumps(name)}, "stages": [\n  {listed}\n]}}\n'


def _stage(stage: Any, index: int, problems: Problems) -> Node | None:
    mark = Position(index + 1, 1)
    if not isinstance(stage, dict):
        message = f"stages[{index}] must be a dict, not {type(stage).__name__}"
        problems.add(mark, "wrong-type", message)
        return None
    for key in stage:
        if key not in KEYS:
            near = did_you_mean(str(key), KEYS) or f"; it may have {', '.join(KEYS)}"
            message = f"stages[{index}] has the unknown key {quoted(str(key))}{near}"
            problems.add(mark, "unknown-field", message)
    entries = (_entry(key, stage[key], index, mark, problems) for key in KEYS if key in stage)
    return Mapping({entry.key.text: entry for entry in entries if entry is not None}, mark)


def _entry(
    key: str, value: Any, index: int, mark: Position, problems: Problems
) -> MappingEntry | None:
    where = f"stages[{index}]: {key}"
    if key in ("name", "task") and not isinstance(value, str | None):
        kind = type(value).__name__
        problems.add(mark, "wrong-type", f"{where} must be a str, not {kind}")
        return MappingEntry(
            Scalar(key, plain=True, mark=mark), Scalar("invalid", plain=False, mark=mark)
        )
    try:
        node = node_of(value, mark, where=where)
    except NotJsonError as error:
        problems.add(mark, "wrong-type", str(error))
        node = Mapping({}, mark) if key == "params" else Sequence((), mark)
    return MappingEntry(Scalar(key, plain=True, mark=mark), node)
