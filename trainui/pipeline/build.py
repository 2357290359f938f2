"""Build stage definitions from a valid spec: expand matrices and resolve dependency names."""

from __future__ import annotations

from collections.abc import Iterator

from trainui.domain.definition import (
    ALERT_CONDITIONS,
    Alert,
    CheckpointRule,
    Json,
    MetricSource,
    StageDefinition,
)
from trainui.domain.search import Search
from trainui.pipeline import template
from trainui.pipeline.fields import locations
from trainui.pipeline.fields.parameters import Parameters
from trainui.pipeline.matrix import SEED, TRIAL, Pairing, Values, expand, member_name
from trainui.pipeline.outline import Outline, StageOutline
from trainui.pipeline.spec import AlertSpec, MetricSpec, PipelineSpec, SearchSpec, StageSpec


def stages(spec: PipelineSpec, outline: Outline, directory: str) -> tuple[StageDefinition, ...]:
    """Return the stages in file order, with each matrix replaced by its members."""
    pairing = Pairing(outline.groups())
    return tuple(
        definition
        for stage, seen in zip(spec.stages, outline.stages, strict=True)
        for definition in _members(stage, seen, pairing, outline.parameters, directory)
    )


def _members(
    spec: StageSpec,
    seen: StageOutline,
    pairing: Pairing,
    parameters: Parameters,
    directory: str,
) -> Iterator[StageDefinition]:
    common = _common(spec, parameters, directory)
    for values in expand(seen.matrix):
        yield StageDefinition(
            name=member_name(spec.name, values),
            group=spec.name,
            matrix=values,
            trial=int((values or {})[TRIAL]) if spec.search and spec.search.space else None,
            depends_on=_dependencies(spec, values, pairing),
            **common,
        )


def _dependencies(spec: StageSpec, values: Values | None, pairing: Pairing) -> tuple[str, ...]:
    if len(spec.depends_on) == 1:
        # not copied: when 1000 stages depend on the same 1000, they all share one tuple
        return pairing.resolve(spec.depends_on[0], values)
    resolved = (name for wanted in spec.depends_on for name in pairing.resolve(wanted, values))
    return tuple(dict.fromkeys(resolved))


def _common(spec: StageSpec, parameters: Parameters, directory: str) -> dict[str, Json]:
    """Return the fields that all members of a stage have in common."""
    return {name: getattr(spec, name) for name in _UNCHANGED} | {
        "command": spec.run,
        "params": template.map_texts(spec.params, parameters.typed),
        "workdir": locations.absolute(spec.workdir or "", directory),
        "env": dict(spec.env),
        "python": spec.python and locations.interpreter(spec.python, directory),
        "metrics": None if spec.metrics is None else tuple(map(_source, spec.metrics)),
        "checkpoint": spec.checkpoint
        and CheckpointRule(spec.checkpoint.path, spec.checkpoint.complete),
        "resume_args": None if spec.resume_args is None else tuple(spec.resume_args),
        "outputs": tuple(spec.outputs),
        "inputs": tuple(locations.absolute(path, directory) for path in spec.inputs),
        "alerts": tuple(map(_alert, spec.alerts)),
        "over": SEED if spec.seeds else spec.over,
        "search": spec.search and _search(spec.search),
    }


_UNCHANGED = (
    *("task", "cpus", "gpus", "gpu_memory", "host", "queue", "retries", "retry_delay", "timeout"),
    *("silence_timeout", "stop_signal", "grace", "resume_run", "success", "allow_failure"),
)
"""Fields that a definition takes over as they are."""


def _source(spec: MetricSpec) -> MetricSource:
    stream = "stdout" if spec.stdout is not None else "stderr" if spec.stderr is not None else None
    return MetricSource(
        path=spec.path,
        format=spec.format,
        step=spec.step,
        restarts=spec.restarts,
        stream=stream,
        pattern=spec.stdout if spec.stdout is not None else spec.stderr,
    )


def _search(spec: SearchSpec) -> Search:
    given = {} if spec.sampler is None else {"sampler": spec.sampler[0]}
    return Search(
        metric=spec.metric,
        goal=spec.goal,
        space=spec.space,
        trials=spec.trials,
        sampler_options=spec.sampler[1] if spec.sampler else {},
        prune=spec.prune,
        seed=spec.seed,
        **given,
    )


def _alert(spec: AlertSpec) -> Alert:
    condition, limit = next(
        (name, value) for name in ALERT_CONDITIONS if (value := getattr(spec, name)) is not None
    )
    return Alert(
        condition,
        metric=spec.metric or "*",
        limit=float(limit),
        goal=spec.goal or "min",
        after=spec.after,
        action=spec.then or "notify",
    )
