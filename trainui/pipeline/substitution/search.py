"""Substitute what a search decides: a trial's values, and its results in stages that depend on it.

Both are known only while the run runs: a trial's values once it is asked for, the results once all
trials have ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from trainui.errors import UsageError
from trainui.model.definition import Json, Pipeline, StageDefinition
from trainui.model.search import SearchResult
from trainui.pipeline import template
from trainui.pipeline.substitution import definition as definition_filling
from trainui.pipeline.substitution.values import Filler, StageReference, stage_reference
from trainui.pipeline.template import Template, Variable

_Known = Callable[[Variable], tuple[Json, Sequence[Template]] | None]
"""Returns a variable's value as JSON and as texts; None: it is not known here."""


def with_trial_params(definition: StageDefinition, params: Mapping[str, Json]) -> StageDefinition:
    """Return a submitted trial with its values recorded, and substituted for `${search.NAME}`.

    Raises:
        UsageError: a value cannot be substituted where it is used.
    """
    return with_values(replace(definition, trial_params=dict(params)))


def with_values(definition: StageDefinition) -> StageDefinition:
    """Return a definition with the values of its trial substituted, if it has any."""
    params, search = definition.trial_params, definition.search
    if params is None or search is None:
        return definition
    texts = search.texts(params)

    def known(variable: Variable) -> tuple[Json, Sequence[Template]] | None:
        if variable.kind != "search" or variable.key not in params:
            return None
        return params[variable.key], [(texts[variable.key],)]

    return _filled(definition, known)


def with_recorded_trials(pipeline: Pipeline, recorded: Mapping[str, StageDefinition]) -> Pipeline:
    """Return an edited pipeline in which the trials keep the values that they have on record."""
    return pipeline.with_stages(
        tuple(carried_over(stage, recorded.get(stage.name)) for stage in pipeline.stages)
    )


def carried_over(edited: StageDefinition, recorded: StageDefinition | None) -> StageDefinition:
    """Return an edited trial with the values that were chosen for it on record.

    If it uses a parameter of which it has no value, it stays as recorded.
    """
    if recorded is None or not recorded.trial_params or edited.trial is None:
        return edited
    used = {one.key for one in definition_filling.variables(edited) if one.kind == "search"}
    if used <= recorded.trial_params.keys():
        return with_trial_params(edited, recorded.trial_params)
    return replace(recorded, search=edited.search)


def searches_of(definition: StageDefinition) -> frozenset[str]:
    """Return the stages of the file whose searches' results a submitted definition needs."""
    found = map(stage_reference, definition_filling.variables(definition))
    return frozenset(reference.name for reference in found if reference)


def with_results(
    definition: StageDefinition, results: Mapping[str, SearchResult]
) -> StageDefinition:
    """Return a submitted definition with the results of searches substituted.

    The results are by the stage's name in the file.

    Raises:
        UsageError: it uses the best trial of a search in which none has completed, or a parameter
            that this trial has no value of.
    """

    def known(variable: Variable) -> tuple[Json, Sequence[Template]] | None:
        reference = stage_reference(variable)
        if reference is None or reference.name not in results:
            return None
        result = results[reference.name]
        if reference.what == "dirs":
            return list(result.dirs), [(path,) for path in result.dirs]
        if result.best_trial is None:
            raise UsageError(
                f"{variable}: no trial of {reference.name} has completed with a value of its "
                f"metric; resume the run with more trials, or rerun one of {reference.name}"
            )
        value, text = _of_best(result, reference, variable)
        return value, [(text,)]

    return _filled(definition, known)


def _of_best(
    result: SearchResult, reference: StageReference, variable: Variable
) -> tuple[Json, str]:
    """Return a value of the best trial as JSON, and as text."""
    what, key = reference.what, reference.key
    if key is not None:
        if key not in result.best_params:
            raise UsageError(
                f"{variable}: the best trial, {reference.name}[trial={result.best_trial}], has no "
                f"{key}: its space had no such parameter then; resume the run with more trials"
            )
        return _escaped(result.best_params[key]), result.best_texts[key]
    if what == "best.params":
        text = json.dumps(dict(result.best_params), ensure_ascii=False)
        return {name: _escaped(value) for name, value in result.best_params.items()}, text
    value = result.best_dir if what == "best.dir" else result.best_trial
    return value, str(value)


def _escaped(value: Json) -> Json:
    return template.escape(value) if isinstance(value, str) else value


def _filled(definition: StageDefinition, known: _Known) -> StageDefinition:
    """Return a definition with known variables substituted; as a whole task argument, typed."""

    def resolve(variable: Variable) -> Sequence[Template] | None:
        found = known(variable)
        return found and found[1]

    def typed(text: str) -> Json:
        variable = template.only_variable(text)
        found = known(variable) if variable else None
        if found is None or isinstance(found[0], str | list):
            return text  # substituted as text, or as items of the list around it
        return found[0]

    params = template.map_texts(dict(definition.params), typed)
    return definition_filling.fill(replace(definition, params=params), Filler(resolve))
