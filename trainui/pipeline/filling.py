"""Substitute `${...}` variables: most when the run is submitted, some when a process starts.

Also what a search decides: a trial's values, and its results in stages that depend on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from pathlib import PurePath

from trainui.errors import UsageError
from trainui.model.definition import Json, Pipeline, SearchResult, StageDefinition
from trainui.pipeline import stage_command, substitution, template
from trainui.pipeline.masking import is_secret
from trainui.pipeline.matrix import Pairing, groups_of, member_name
from trainui.pipeline.substitution import Filler, StageReference, plain, stage_reference
from trainui.pipeline.template import Template, Variable
from trainui.record import dataclass

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
    used = {one.key for one in substitution.variables(edited) if one.kind == "search"}
    if used <= recorded.trial_params.keys():
        return with_trial_params(edited, recorded.trial_params)
    return replace(recorded, search=edited.search)


def for_checkpoint(
    gatherer: StageDefinition,
    training: StageDefinition,
    step: float,
    directory: str,
    others: Collection[str],
) -> StageDefinition:
    """Return the stage that evaluates one checkpoint of a training.

    `gatherer` is as submitted; `others` are the full names of its other members.
    """
    assert gatherer.each_checkpoint is not None
    values = {}
    if training.matrix is not None:
        own = ",".join(f"{key}={value}" for key, value in training.matrix.items())
        values[training.group] = _UNSAFE.sub("-", own).strip("-")
    values["step"] = str(int(step)) if step == int(step) else repr(step)
    above = {gatherer.each_checkpoint.stage, *others}
    made = replace(
        gatherer,
        name=member_name(gatherer.group, values),
        matrix=values,
        over=None,
        depends_on=tuple(name for name in gatherer.depends_on if name not in above),
        each_checkpoint=replace(gatherer.each_checkpoint, member_of=gatherer.name),
    )
    return with_directory(made, directory)


_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def with_directory(definition: StageDefinition, directory: str) -> StageDefinition:
    """Return an evaluation of a checkpoint with its own directory substituted."""

    def resolve(variable: Variable) -> Sequence[Template] | None:
        return [(directory,)] if variable.kind == "stage_dir" else None

    return substitution.fill(definition, Filler(resolve))


def with_recorded_checkpoints(
    pipeline: Pipeline, recorded: Mapping[str, StageDefinition], directories: Mapping[str, str]
) -> Pipeline:
    """Return an edited pipeline with the evaluations of checkpoints that are on record.

    They come last, so that they get their slots after all others. `directories` are by full name.
    """
    known = {stage.name: stage for stage in pipeline.stages}
    edited: dict[str, StageDefinition] = {}
    added: dict[str, StageDefinition] = {}
    for gatherer in (stage for stage in pipeline.stages if stage.gathers):
        assert gatherer.each_checkpoint is not None
        members = {
            name: one
            for name, one in recorded.items()
            if one.each_checkpoint and one.each_checkpoint.member_of == gatherer.name
        }
        training = known[gatherer.each_checkpoint.stage]
        for name, one in members.items():
            step = float((one.matrix or {})["step"])
            made = for_checkpoint(gatherer, training, step, directories[name], members)
            added[name] = replace(made, name=name, matrix=one.matrix)
        before = recorded.get(gatherer.name)
        above = before.depends_on if before else ()
        counting = [name for name in above if name in members]
        depends_on = dict.fromkeys([*gatherer.depends_on, *counting])
        edited[gatherer.name] = replace(gatherer, depends_on=tuple(depends_on))
    if not edited:
        return pipeline
    stages = [edited.get(one.name, one) for one in pipeline.stages if one.name not in added]
    return pipeline.with_stages((*stages, *added.values()))


def searches_of(definition: StageDefinition) -> frozenset[str]:
    """Return the stages of the file whose searches' results a submitted definition needs."""
    found = map(stage_reference, substitution.variables(definition))
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
        if reference.what in ("best.checkpoint", "best.step"):
            value = result.best_checkpoint
            if reference.what == "best.step":
                value = result.best_step
            if value is None:
                raise UsageError(_no_best(variable, reference.name))
            return value, [(value,)]
        if result.best_checkpoint is not None and result.best_dir is not None:
            return result.best_dir, [(result.best_dir,)]
        if result.best_trial is None:
            raise UsageError(
                f"{variable}: no trial of {reference.name} has completed with a value of its "
                f"metric; resume the run with more trials, or rerun one of {reference.name}"
            )
        value, text = _of_best(result, reference, variable)
        return value, [(text,)]

    return _filled(definition, known)


def _no_best(variable: Variable, name: str) -> str:
    return (
        f"{variable}: no checkpoint that {name} evaluated and that still exists is known to be the "
        f"best; its metric must have a value, and `metric` and `goal` of {name} say which value is "
        "better"
    )


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
    return substitution.fill(replace(definition, params=params), Filler(resolve))


_RESUME_ARGS = Variable("resume_args")


def submit(
    pipeline: Pipeline, *, run_dir: str, stage_dirs: Mapping[str, str], secrets: bool = True
) -> Pipeline:
    """Return the pipeline with the variables known at submission substituted.

    These are `${params...}`, `${matrix...}`, `${run_dir}`, `${stage_dir}` and `${stages...}`;
    `start` substitutes the others, the results of searches excepted (see `search`). Parameters with
    secret names are substituted only if `secrets`.

    Raises:
        UsageError: a value contains the terminator of the surrounding here-document.
    """
    pairing = Pairing(groups_of(pipeline.stages))
    searches = frozenset(
        stage.group for stage in pipeline.stages if stage.search or stage.each_checkpoint
    )
    stages = tuple(
        _submitted(
            stage,
            pipeline.directory,
            _AtSubmission(pipeline, stage, pairing, run_dir, stage_dirs, searches, secrets),
        )
        for stage in pipeline.stages
    )
    return pipeline.with_stages(stages)


def start(
    definition: StageDefinition,
    *,
    python: str,
    attempt: int,
    environ: Mapping[str, str],
    checkpoint: str | None,
) -> StageDefinition:
    """Return a submitted definition with all variables substituted.

    Its command is the one to execute: if there is a checkpoint, with `resume_args` appended or
    replaced by `resume_run`. Both of these fields are None in the result. `${env.NAME}` is looked
    up in the stage's own `env`, then in `environ`.

    Raises:
        UsageError: `${env.NAME}` names a variable that is not set, or workdir is not absolute.
    """
    definition = with_values(definition)
    at_start = _AtStart(definition, python, attempt, environ, checkpoint)
    env = substitution.environment(definition.env, Filler(at_start.resolve, plain))
    at_start.environ = {**environ, **env}
    command = _command(definition, resumes=checkpoint is not None)
    begun = replace(definition, command=command, env={}, resume_args=None, resume_run=None)
    started = substitution.fill(begun, Filler(at_start.resolve, plain))
    at_start.raise_if_missing()
    if not PurePath(started.workdir).is_absolute():
        raise UsageError(
            f"stage {definition.name}: workdir {started.workdir!r} is not absolute; where it "
            "begins with ${env.NAME}, that variable must be an absolute path"
        )
    return replace(started, env=env)


def inputs_before_start(definition: StageDefinition, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return those inputs of a submitted stage that are known before an attempt starts.

    Raises:
        UsageError: `${env.NAME}` names a variable that is not set.
    """
    bare = StageDefinition(
        definition.name,
        workdir="/",
        env={name: text for name, text in definition.env.items() if _is_early(text)},
        inputs=tuple(text for text in definition.inputs if _is_early(text)),
    )
    if not bare.env and not bare.inputs:
        return ()
    return start(bare, python="", attempt=0, environ=environ, checkpoint=None).inputs


def known_outputs(definition: StageDefinition) -> tuple[str, ...]:
    """Return a submitted stage's outputs except those that depend on the attempt."""
    known = tuple(text for text in definition.outputs if not list(template.variables(text)))
    bare = StageDefinition(definition.name, workdir="/", outputs=known)
    return start(bare, python="", attempt=0, environ={}, checkpoint=None).outputs


def _is_early(text: str) -> bool:
    """Return True if a text does not depend on the attempt."""
    return {variable.kind for variable in template.variables(text)} <= {"env"}


def _submitted(stage: StageDefinition, directory: str, known: _AtSubmission) -> StageDefinition:
    filled = substitution.fill(stage, Filler(known.resolve))
    return replace(
        filled,
        workdir=stage_command.absolute_path(filled.workdir, directory),
        inputs=tuple(stage_command.absolute_path(path, directory) for path in filled.inputs),
        python=filled.python and stage_command.resolve_interpreter(filled.python, directory),
    )


@dataclass(frozen=True, slots=True)
class _AtSubmission:
    """The values of variables in a stage when its run is submitted."""

    pipeline: Pipeline
    stage: StageDefinition
    pairing: Pairing
    run_dir: str
    stage_dirs: Mapping[str, str]
    searches: frozenset[str]
    """Stages of the file with a search, or that evaluate checkpoints: dependants use their
    results."""
    secrets: bool

    def resolve(self, variable: Variable) -> Sequence[Template] | None:
        match variable.kind:
            case "params" if not self.secrets and is_secret(variable.key):
                return None
            case "params":
                return [self._parameter(variable)]
            case "matrix":
                return [((self.stage.matrix or {})[variable.key],)]
            case "run_dir":
                return [(self.run_dir,)]
            case "stage_dir" if self.stage.gathers:
                return None  # each of its members has its own
            case "stage_dir":
                return [(self.stage_dirs[self.stage.name],)]
            case "stages":
                return self._directories(variable)
            case _:
                return None

    def _parameter(self, variable: Variable) -> Template:
        """Return a parameter's value, with the variables it contains substituted."""
        parts: list[str | Variable] = []
        for part in template.parse(str(self.pipeline.params[variable.key])):
            values = self.resolve(part) if isinstance(part, Variable) else None
            parts += values[0] if values else (part,)
        return template.join(parts)

    def _directories(self, variable: Variable) -> Sequence[Template] | None:
        reference = stage_reference(variable)
        if reference is None:
            raise UsageError(f"{variable} is not a variable of trainui")
        if reference.name in self.searches and reference.what != "dir":
            return None
        names = self.pairing.resolve(reference.name, self.stage.matrix)
        return [(self.stage_dirs[name],) for name in names]


@dataclass(slots=True)
class _AtStart:
    """The values of variables in a stage when its process starts."""

    definition: StageDefinition
    python: str
    attempt: int
    environ: Mapping[str, str]
    checkpoint: str | None
    missing: dict[str, None] = field(default_factory=dict)
    """Environment variables that are not set."""

    def resolve(self, variable: Variable) -> Sequence[Template] | None:
        match variable.kind:
            case "python":
                return [(self.python,)]
            case "attempt":
                return [(str(self.attempt),)]
            case "env":
                return [self._variable(variable.key)]
            case "checkpoint":
                return [(self.checkpoint or "",)]
            case "resume_args":
                return self._resume_args()
            case "search":
                raise UsageError(f"{variable} has no value yet: the trial was not asked for")
            case _:
                raise UsageError(f"{variable} was not filled in when the run was submitted")

    def raise_if_missing(self) -> None:
        if self.missing:
            names = ", ".join(f"${{env.{name}}}" for name in self.missing)
            raise UsageError(
                f"stage {self.definition.name}: {names} is not set in the environment of the "
                "shell that submitted the run; set it and resume the run with --env"
            )

    def _variable(self, name: str) -> Template:
        if name not in self.environ:
            self.missing[name] = None
            return ()
        return (self.environ[name],)

    def _resume_args(self) -> Sequence[Template]:
        if self.checkpoint is None or self.definition.resume_args is None:
            return []
        filler = Filler(self.resolve, plain)
        return [(item,) for item in substitution.items(self.definition.resume_args, filler)]


def _command(definition: StageDefinition, *, resumes: bool) -> str | tuple[str, ...] | None:
    """Return the command to execute, with `${resume_args}` in its place if needed."""
    command = definition.command
    if not resumes or command is None:
        return command
    if definition.resume_run is not None:
        return definition.resume_run
    texts = (command,) if isinstance(command, str) else command
    is_placed = any(_RESUME_ARGS in template.variables(text) for text in texts)
    if definition.resume_args is None or is_placed:
        return command
    if isinstance(command, str):
        return f"{command.rstrip()} {_RESUME_ARGS}"
    return (*command, str(_RESUME_ARGS))
