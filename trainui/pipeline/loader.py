"""Load a pipeline: from a file, from text, from the Python API's list of stages."""

from __future__ import annotations

import json
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, TextIO

from trainui.errors import PipelineFileError, Problem
from trainui.model.definition import Pipeline
from trainui.pipeline import field_names, yaml_tree
from trainui.pipeline.assemble import Origin, assemble, examine
from trainui.pipeline.bare_command import from_command as from_command
from trainui.pipeline.yaml_nodes import (
    TOP,
    Mapping,
    MappingEntry,
    Node,
    NotJsonError,
    Position,
    Problems,
    Scalar,
    Sequence,
    did_you_mean,
    kind_of,
    node_of,
    quoted,
)
from trainui.pipeline.yaml_tree import read_tree

# Convert the Python API's list of stages to a document and to the equivalent pipeline file.


KEYS = ("name", "task", "params", "depends_on")
"""Keys that a stage passed to the Python API may have."""


def api_document(name: str, stages: AnySequence[Any], problems: Problems) -> Mapping:
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


def api_text(name: str, stages: AnySequence[Any]) -> str:
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


# Load or validate pipelines: files, bare commands and lists of the Python API.
#
# All problems are reported at once; if there are any, no pipeline is returned.


NO_FILE = "pipeline"
"""Default name of a pipeline without a file."""

API_FILE = "stages"
"""File name in problems with the API's list; the line is the number of the entry."""


def load(
    file: str,
    params: AnyMapping[str, str] | None = None,
    *,
    stdin: TextIO | None = None,
) -> Pipeline:
    """Load a pipeline file; `-` is standard input, with the current directory.

    Raises:
        PipelineFileError: the file has problems; the error lists all of them in file order.
    """
    found = yaml_tree.read_text(file, stdin)
    pipeline = load_text(found.text, file=file, directory=found.directory, params=params)
    return replace(pipeline, file=found.file)


def load_text(
    text: str,
    *,
    file: str | None = None,
    directory: str | None = None,
    params: AnyMapping[str, str] | None = None,
) -> Pipeline:
    """Load the text of a pipeline file; the result has no file path.

    The name `file` is used in messages, and as the default of the pipeline's name.

    Raises:
        PipelineFileError: the text has problems; the error lists all of them in file order.
    """
    problems = Problems(file or NO_FILE, text)
    document = _read_document(text, problems)
    origin = Origin(
        text=text,
        directory=str(Path(directory or ".").absolute()),
        name=_default_name(file),
        given=params or {},
    )
    return assemble(document, origin, problems)


def validate(
    file: str, params: AnyMapping[str, str] | None = None, *, stdin: TextIO | None = None
) -> list[Problem]:
    """Return all problems of a pipeline file, sorted by position.

    If `params` is None, parameters without a value are no problem.
    """
    try:
        found = yaml_tree.read_text(file, stdin)
        problems = Problems(file, found.text)
        document = _read_document(found.text, problems)
    except PipelineFileError as error:
        return list(error.problems)
    complete = params is not None
    examine(document, Origin(found.text, found.directory, file, params or {}, complete), problems)
    return problems.in_order()


def from_api(stages: AnySequence[Any], name: str, *, directory: str | None = None) -> Pipeline:
    """Make a pipeline from a list of the Python API.

    Each stage is a dict with `name`, `task`, and optionally `params` and `depends_on`.

    Raises:
        PipelineFileError: the list has problems; the error lists all of them. A problem's line is
            the number of its entry, counted from 1.
    """
    problems = Problems(API_FILE)
    document = api_document(name, stages, problems)
    origin = Origin(
        text="" if problems else api_text(name, stages),
        directory=str(Path(directory or ".").absolute()),
        name=name,
    )
    return assemble(document, origin, problems)


def _default_name(file: str | None) -> str:
    if file is None or file == yaml_tree.STDIN:
        return NO_FILE
    stem = PurePath(file).stem
    return stem if field_names.pipeline_name_fault(stem) is None else NO_FILE


def _read_document(text: str, problems: Problems) -> Mapping:
    """Return the top-level mapping of a pipeline file; raise PipelineFileError if there is none."""
    root = read_tree(text, problems)
    if isinstance(root, Mapping):
        return root
    if root is None or (isinstance(root, Scalar) and root.is_null):
        if not problems:
            problems.add(TOP, "empty", "the file is empty; it needs a list of `stages`")
    else:
        message = f"a pipeline must be a mapping with stages, not {kind_of(root)}"
        problems.add(root.mark, "wrong-type", message)
    problems.raise_if_any()
    raise AssertionError("without a document there are problems")
