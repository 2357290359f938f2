"""A document checked in every way and made a pipeline: all problems at once, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field

from trainui.domain.definition import Pipeline
from trainui.pipeline import (
    alerts_check,
    build,
    checkpoint_check,
    defaults,
    graph_check,
    matrix_check,
    metrics_check,
    outline,
    parameters,
    rules_check,
    spec_check,
    variables_check,
)
from trainui.pipeline.nodes import Mapping
from trainui.pipeline.problems import Problems
from trainui.pipeline.spec import PipelineSpec


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document came from."""

    text: str
    """As it was read."""

    directory: str
    """Absolute: what relative paths are relative to."""

    name: str
    """The pipeline's name where the document has none."""

    given: AnyMapping[str, str] = field(default_factory=dict)
    """Values given with `-p`."""

    complete: bool = True
    """Whether a parameter without a value is a problem."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a document was found to be."""

    spec: PipelineSpec | None
    """None: a field is wrong, or takes the value of a parameter that is still to be given."""

    outline: outline.Outline


def examine(document: Mapping, origin: Origin, problems: Problems) -> Examined:
    """Check a document in every way.

    Args:
        document: the whole of it.
        origin: where it came from.
        problems: gets what is wrong.
    """
    document = defaults.apply(document)
    declared = document.get("params")
    known = parameters.collect(
        declared if isinstance(declared, Mapping) else Mapping({}, document.mark),
        origin.given,
        problems,
        complete=origin.complete,
    )
    spec = spec_check.check(document, known, problems)
    seen = outline.of(document, known)
    for check in (
        rules_check,
        matrix_check,
        metrics_check,
        alerts_check,
        checkpoint_check,
        variables_check,
        graph_check,
    ):
        check.check(seen, problems)
    return Examined(spec, seen)


def assemble(document: Mapping, origin: Origin, problems: Problems) -> Pipeline:
    """Return the pipeline that a document says.

    Args:
        document: the whole of it.
        origin: where it came from, with all parameters.
        problems: what was found while it was read.

    Raises:
        PipelineFileError: there are problems, found here or before.
    """
    examined = examine(document, origin, problems)
    problems.raise_if_any()
    spec, seen = examined.spec, examined.outline
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
