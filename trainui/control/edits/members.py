"""Single members of a sweep with individual values, edited apart from the file's text.

A matrix in a file is a product of lists, and parameters apply to all members, so one member cannot
differ in them. Its values are kept beside the run's pipeline, by the name that the file gives the
member, and are applied whenever the file is loaded for this run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from trainui.control.lookup import submission_of
from trainui.domain.definition import Pipeline, StageDefinition
from trainui.errors import UsageError
from trainui.pipeline import editing, loader, template
from trainui.pipeline.editing import EditedValue
from trainui.pipeline.substitution import definition
from trainui.pipeline.substitution.values import Filler
from trainui.pipeline.template import Template, Variable

MemberValues = Mapping[str, Mapping[str, str]]
"""By the name in the file, a member's own values by `key_of`."""


_RUN = "run "


def key_of(place: EditedValue) -> str:
    """Return the key of a member's own value: `lr` in the matrix, else `run lr` or `stage lr`."""
    return place.name if place.scope == "matrix" else f"{place.scope} {place.name}"


def recorded(run_id: str) -> dict[str, dict[str, str]]:
    """Return the members of a run with individual values."""
    return dict(submission_of(run_id).get("members", {}))


def applied(pipeline: Pipeline, given: Mapping[str, str], values: MemberValues) -> Pipeline:
    """Return a loaded pipeline in which some members have individual values.

    Members in `values` that the file no longer has are ignored.

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


def own_parameters(values: MemberValues, stage: StageDefinition) -> dict[str, str]:
    """Return the parameters of the run that a member of a sweep has with other values."""
    matrix = stage.matrix or {}
    for name, own in values.items():
        common = {f"{key}={value}" for key, value in matrix.items() if key not in own}
        group, _, inside = name.partition("[")
        same = all(own.get(key, value) == value for key, value in matrix.items())
        if group == stage.group and same and common <= set(inside.rstrip("]").split(",")):
            return {key.removeprefix(_RUN): new for key, new in own.items() if key.startswith(_RUN)}
    return {}


def name_in_file(pipeline: Pipeline, with_values: Pipeline, name: str) -> str:
    """Return the name that the file gives a member.

    `name` is the member's full name in the run; `with_values` is the pipeline with `applied`
    values.
    """
    pairs = zip(pipeline.stages, with_values.stages, strict=True)
    return next((stage.name for stage, own in pairs if own.name == name), name)


def _edited(
    pipeline: Pipeline, given: Mapping[str, str], at: int, values: Mapping[str, str]
) -> StageDefinition:
    """Return the definition of a member with individual values."""
    places = editing.places(pipeline.text, pipeline.stages[at])
    changes = {place: values[key] for place in places if (key := key_of(place)) in values}
    own = {place.name: new for place, new in changes.items() if place.scope == "run"}
    text = editing.with_values(pipeline.text, changes)
    given = {name: own.get(name, value) for name, value in given.items()}
    edited = loader.load_text(text, file=pipeline.file, directory=pipeline.directory, params=given)
    return _with_parameters(edited.stages[at], edited.params, own)


def _with_parameters(
    stage: StageDefinition, params: Mapping[str, object], names: Collection[str]
) -> StageDefinition:
    """Return a definition in which the parameters of these names are substituted."""

    def resolve(variable: Variable) -> Sequence[Template] | None:
        own = variable.kind == "params" and variable.key in names
        return [template.parse(str(params[variable.key]))] if own else None

    return definition.fill(stage, Filler(resolve))


def _with_names(stage: StageDefinition, renamed: Mapping[str, str]) -> StageDefinition:
    return replace(stage, depends_on=tuple(renamed.get(name, name) for name in stage.depends_on))
