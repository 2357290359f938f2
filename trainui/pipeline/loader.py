"""Load or validate pipelines: files, bare commands and lists of the Python API.

All problems are reported at once; if there are any, no pipeline is returned.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, TextIO

from trainui.domain.definition import Pipeline
from trainui.errors import PipelineFileError, Problem
from trainui.pipeline import api_stages
from trainui.pipeline.assemble import Origin, assemble, examine
from trainui.pipeline.bare_command import from_command as from_command
from trainui.pipeline.fields import names
from trainui.pipeline.yaml import text_source
from trainui.pipeline.yaml.nodes import TOP, Mapping, Scalar, kind_of
from trainui.pipeline.yaml.problems import Problems
from trainui.pipeline.yaml.tree import read_tree

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
    found = text_source.read(file, stdin)
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
    document = _document(text, problems)
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
        found = text_source.read(file, stdin)
        problems = Problems(file, found.text)
        document = _document(found.text, problems)
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
    document = api_stages.document_of(name, stages, problems)
    origin = Origin(
        text="" if problems else api_stages.text_of(name, stages),
        directory=str(Path(directory or ".").absolute()),
        name=name,
    )
    return assemble(document, origin, problems)


def _default_name(file: str | None) -> str:
    if file is None or file == text_source.STDIN:
        return NO_FILE
    stem = PurePath(file).stem
    return stem if names.pipeline_name_fault(stem) is None else NO_FILE


def _document(text: str, problems: Problems) -> Mapping:
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
