"""Single members of a sweep with matrix values of their own, edited apart from the file's text.

A matrix in a file is a product of lists, so one member cannot differ in it. Its values are kept
beside the run's pipeline, by the name that the file gives the member, and are applied whenever the
file is loaded for this run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trainui.domain.definition import Pipeline, StageDefinition
from trainui.errors import UsageError
from trainui.pipeline import editing, loader
from trainui.store.db.engine import open_store
from trainui.store.runs import runs

MemberValues = Mapping[str, Mapping[str, str]]
"""By the name in the file, a member's own values by matrix key."""


def recorded(run_id: str) -> dict[str, dict[str, str]]:
    """Return the members of a run with values of their own."""
    with open_store().read() as connection:
        return dict(runs.submission(connection, run_id).get("members", {}))


def applied(pipeline: Pipeline, given: Mapping[str, str], values: MemberValues) -> Pipeline:
    """Return a loaded pipeline in which some members have values of their own.

    Args:
        pipeline: as loaded.
        given: the parameters given with `-p`.
        values: the values; members that the file no longer has are ignored.

    Raises:
        UsageError: a member would be equal to another one.
        PipelineFileError: the pipeline has problems with these values.
    """
    names = [stage.name for stage in pipeline.stages]
    stages = list(pipeline.stages)
    renamed = {}
    for name in filter(names.__contains__, values):
        at = names.index(name)
        stages[at] = _edited(pipeline, given, at, values[name])
        renamed[name] = stages[at].name
    for name in renamed.values():
        if [stage.name for stage in stages].count(name) > 1:
            raise UsageError(f"{name} is already a member of the sweep; choose another value")
    return pipeline.with_stages(tuple(_with_names(stage, renamed) for stage in stages))


def name_in_file(pipeline: Pipeline, with_values: Pipeline, name: str) -> str:
    """Return the name that the file gives a member.

    Args:
        pipeline: as loaded.
        with_values: the same with `applied` values.
        name: the member's full name in the run.
    """
    pairs = zip(pipeline.stages, with_values.stages, strict=True)
    return next((stage.name for stage, own in pairs if own.name == name), name)


def _edited(
    pipeline: Pipeline, given: Mapping[str, str], at: int, values: Mapping[str, str]
) -> StageDefinition:
    """Return the definition of a member with other matrix values."""
    changes = {
        place: values[place.name]
        for place in editing.places(pipeline.text, pipeline.stages[at])
        if place.scope == "matrix" and place.name in values
    }
    text = editing.with_values(pipeline.text, changes)
    edited = loader.load_text(text, file=pipeline.file, directory=pipeline.directory, params=given)
    return edited.stages[at]


def _with_names(stage: StageDefinition, renamed: Mapping[str, str]) -> StageDefinition:
    return replace(stage, depends_on=tuple(renamed.get(name, name) for name in stage.depends_on))
