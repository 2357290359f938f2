"""Substitute variables in a stage's definition, with the quoting that each field needs."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trainui.errors import UsageError
from trainui.model.definition import CheckpointRule, MetricSource, StageDefinition
from trainui.pipeline.substitution.values import Filler, Resolve
from trainui.pipeline.template import Template, Variable

Command = str | tuple[str, ...]
"""Shell text, or an argument list."""

_DIRECTORIES = frozenset({"run_dir", "stage_dir", "stages"})


def fill(definition: StageDefinition, filler: Filler) -> StageDefinition:
    """Return the definition with the variables of every field substituted.

    Raises:
        UsageError: a value cannot be substituted where it is used; the message names the stage.
    """
    globs = Filler(_as_glob(filler), filler.write)
    try:
        return replace(
            definition,
            command=command(definition.command, filler),
            params=filler.json(dict(definition.params)),
            workdir=filler.text(definition.workdir),
            env=environment(definition.env, filler),
            python=_optional(definition.python, filler),
            metrics=_metrics(definition.metrics, filler, globs),
            checkpoint=definition.checkpoint
            and CheckpointRule(
                globs.text(definition.checkpoint.glob),
                _optional(definition.checkpoint.complete, filler),
            ),
            resume_args=definition.resume_args and items(definition.resume_args, filler),
            resume_run=command(definition.resume_run, filler),
            outputs=items(definition.outputs, globs),
            success=_optional(definition.success, filler),
            inputs=items(definition.inputs, filler),
            alerts=tuple(
                replace(alert, metric=filler.text(alert.metric)) for alert in definition.alerts
            ),
        )
    except UsageError as error:
        raise UsageError(f"stage {definition.name}: {error}") from error


def variables(definition: StageDefinition) -> list[Variable]:
    """Return the variables in all fields of a definition."""
    found: list[Variable] = []
    fill(definition, Filler(found.append))
    return found


def command(value: Command | None, filler: Filler) -> Command | None:
    """Substitute variables in a command."""
    if value is None:
        return None
    return filler.shell(value) if isinstance(value, str) else items(value, filler)


def items(values: Sequence[str], filler: Filler) -> tuple[str, ...]:
    """Substitute variables in a list of texts."""
    return tuple(filled for value in values for filled in filler.items(value))


def environment(values: Mapping[str, str], filler: Filler) -> dict[str, str]:
    """Substitute variables in the values of environment variables."""
    return {name: filler.text(value) for name, value in values.items()}


def _optional(value: str | None, filler: Filler) -> str | None:
    return None if value is None else filler.text(value)


def _metrics(
    sources: Sequence[MetricSource] | None, filler: Filler, globs: Filler
) -> tuple[MetricSource, ...] | None:
    if sources is None:
        return None
    return tuple(
        replace(
            source,
            path=_optional(source.path, globs),
            format=_optional(source.format, filler),
            step=_optional(source.step, filler),
            pattern=_optional(source.pattern, filler),
        )
        for source in sources
    )


def _as_glob(filler: Filler) -> Resolve:
    """Return a resolver that escapes directories in a glob; a parameter may itself be a glob."""

    def resolve(variable: Variable) -> Sequence[Template] | None:
        values = filler.resolve(variable)
        if values is None or variable.kind not in _DIRECTORIES:
            return values
        return [
            tuple(glob.escape(part) if isinstance(part, str) else part for part in value)
            for value in values
        ]

    return resolve
