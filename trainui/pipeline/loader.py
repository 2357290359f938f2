"""Pipelines made of files, of bare commands and of the Python API's lists: checked as a whole.

Every problem is found in one go; with any, nothing is returned.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, TextIO

from trainui.domain.definition import Pipeline
from trainui.pipeline import api_stages, names, source
from trainui.pipeline.assemble import Origin, assemble
from trainui.pipeline.bare_command import from_command as from_command
from trainui.pipeline.document import read_document
from trainui.pipeline.problems import Problems

NO_FILE = "pipeline"
"""Names a pipeline that is in no file, where it has no name of its own."""

API_FILE = "stages"
"""Stands for the file's name in problems of the API's list; lines are numbers of its entries."""


def load(
    file: str,
    params: AnyMapping[str, str] | None = None,
    *,
    stdin: TextIO | None = None,
) -> Pipeline:
    """Load a pipeline file.

    Args:
        file: its path as the user named it; `-`: standard input, with the current directory.
        params: values given with `-p`.
        stdin: read instead of standard input.

    Raises:
        PipelineFileError: it has problems; all of them, in the file's order.
    """
    found = source.read(file, stdin)
    pipeline = load_text(found.text, file=file, directory=found.directory, params=params)
    return replace(pipeline, file=found.file)


def load_text(
    text: str,
    *,
    file: str | None = None,
    directory: str | None = None,
    params: AnyMapping[str, str] | None = None,
) -> Pipeline:
    """Load the text of a pipeline file; the result names no file.

    Args:
        text: the file's text.
        file: its name, for messages and for a pipeline without a name; None: there is none.
        directory: what relative paths are relative to; None: the current directory.
        params: values given with `-p`.

    Raises:
        PipelineFileError: it has problems; all of them, in the file's order.
    """
    problems = Problems(file or NO_FILE, text)
    document = read_document(text, problems)
    origin = Origin(
        text=text,
        directory=str(Path(directory or ".").absolute()),
        name=_default_name(file),
        given=params or {},
    )
    return assemble(document, origin, problems)


def from_api(stages: AnySequence[Any], name: str, *, directory: str | None = None) -> Pipeline:
    """Make a pipeline of the Python API's list.

    Args:
        stages: dicts with `name`, `task`, and where needed `params` and `depends_on`.
        name: the pipeline's name.
        directory: what relative paths are relative to; None: the current directory.

    Raises:
        PipelineFileError: the list has problems; all of them. A problem's line is the number of
            its entry, from 1 on.
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
    if file is None or file == source.STDIN:
        return NO_FILE
    stem = PurePath(file).stem
    return stem if names.pipeline_name_fault(stem) is None else NO_FILE
