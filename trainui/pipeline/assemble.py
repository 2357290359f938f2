"""Run every check on a document and build the pipeline; all problems are reported at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field

from trainui.domain.definition import Pipeline
from trainui.pipeline import build, defaults_block, outline
from trainui.pipeline.checks import (
    alerts,
    checkpoint,
    field_combinations,
    graph,
    matrix,
    metrics,
    search,
    variables,
)
from trainui.pipeline.checks import fields as field_check
from trainui.pipeline.fields import parameters
from trainui.pipeline.outline import Outline
from trainui.pipeline.spec import PipelineSpec
from trainui.pipeline.yaml.nodes import Mapping
from trainui.pipeline.yaml.problems import Problems


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of a document."""

    text: str
    """The file's text, unchanged."""
    directory: str
    """Base directory of relative paths; absolute."""
    name: str
    """The pipeline's name if the document gives none."""
    given: AnyMapping[str, str] = field(default_factory=dict)
    """Values given with `-p`."""
    complete: bool = True
    """True: a parameter without a value is a problem."""


def examine(
    document: Mapping, origin: Origin, problems: Problems
) -> tuple[PipelineSpec | None, Outline]:
    """Run every check on a document.

    The spec is None if a field is invalid or uses a parameter without a value.
    """
    document = defaults_block.apply(document)
    declared = document.get("params")
    known = parameters.collect(
        declared if isinstance(declared, Mapping) else Mapping({}, document.mark),
        origin.given,
        problems,
        complete=origin.complete,
    )
    spec = field_check.check(document, known, problems)
    seen = outline.of(document, known)
    for check in (
        field_combinations,
        matrix,
        metrics,
        alerts,
        checkpoint,
        search,
        variables,
        graph,
    ):
        check.check(seen, problems)
    if spec is None and not problems:
        field_check.check(document, known, problems, last_resort=True)
    return spec, seen


def assemble(document: Mapping, origin: Origin, problems: Problems) -> Pipeline:
    """Return the pipeline that a document defines.

    Raises:
        PipelineFileError: any problem was found, here or earlier.
    """
    spec, seen = examine(document, origin, problems)
    problems.raise_if_any()
    assert spec is not None, "with all parameters and no problem there is a spec"
    return Pipeline(
        name=spec.name or origin.name,
        stages=build.stages(spec, seen, origin.directory),
        params=seen.parameters.texts(),
        text=origin.text,
        digest=hashlib.sha256(origin.text.encode()).hexdigest(),
        directory=origin.directory,
        snapshot=spec.snapshot,
    )
