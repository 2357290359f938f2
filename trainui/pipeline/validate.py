"""Validate a pipeline file without side effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from trainui.errors import PipelineFileError, Problem
from trainui.pipeline.assemble import Origin, examine
from trainui.pipeline.yaml import text_source
from trainui.pipeline.yaml.document import read_document
from trainui.pipeline.yaml.problems import Problems


def validate(
    file: str, params: Mapping[str, str] | None = None, *, stdin: TextIO | None = None
) -> list[Problem]:
    """Return all problems of a pipeline file, sorted by position.

    Args:
        file: its path as the user named it; `-`: standard input.
        params: values given with `-p`; None: parameters without a value are no problem.
        stdin: read instead of standard input.
    """
    try:
        found = text_source.read(file, stdin)
        problems = Problems(file, found.text)
        document = read_document(found.text, problems)
    except PipelineFileError as error:
        return list(error.problems)
    complete = params is not None
    examine(document, Origin(found.text, found.directory, file, params or {}, complete), problems)
    return problems.in_order()
