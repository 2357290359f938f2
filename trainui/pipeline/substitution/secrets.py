"""Remove secret values from a submitted pipeline before it is stored, and restore them at start.

The stored pipeline contains the variable (`${params.api_key}`) or a mask; the values are stored
with the run's environment, which only its owner can read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from trainui.model.definition import Json, Pipeline, StageDefinition
from trainui.pipeline.substitution.masking import Masker, secrets_of


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets removed from a pipeline."""

    params: Mapping[str, Json] = field(default_factory=dict)
    """The pipeline's own secret parameters."""
    stages: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Full name of a stage -> the complete fields of its definition that contained a secret."""

    def reveal(self, definition: StageDefinition) -> StageDefinition:
        """Return a stored definition with its secrets restored."""
        taken = self.stages.get(definition.name)
        return StageDefinition.from_json({**definition.to_json(), **taken}) if taken else definition


def conceal(
    pipeline: Pipeline, as_written: Pipeline, environ: Mapping[str, str]
) -> tuple[Pipeline, Secrets]:
    """Return a pipeline without its secrets, for storage, and the secrets.

    In `as_written`, its secret parameters are not substituted. Secrets of the submitting shell's
    environment are masked, too.
    """
    masker = Masker(known(pipeline, environ))
    stages = []
    taken: dict[str, Mapping[str, Json]] = {}
    for real, written in zip(pipeline.stages, as_written.stages, strict=True):
        stages.append(_concealed(real, written, masker))
        if changed := _taken(real, stages[-1]):
            taken[real.name] = changed
    params = masker.values(pipeline.params)
    secret = {name: value for name, value in pipeline.params.items() if params[name] != value}
    text = masker.text(pipeline.text)
    stored = replace(pipeline, params=params, text=text, stages=tuple(stages))
    return stored, Secrets(secret, taken)


def known(pipeline: Pipeline, environ: Mapping[str, str]) -> set[str]:
    """Return the secret values of a pipeline and of an environment."""
    own = [values for stage in pipeline.stages for values in (stage.env, stage.params)]
    return {secret for values in (environ, pipeline.params, *own) for secret in secrets_of(values)}


def _concealed(real: StageDefinition, written: StageDefinition, masker: Masker) -> StageDefinition:
    """Mask what only the process reads; keep paths and patterns, which trainui also needs."""
    return replace(
        real,
        command=masker.command(written.command),
        resume_args=written.resume_args and tuple(masker.texts(written.resume_args)),
        resume_run=masker.command(written.resume_run),
        params=masker.values(written.params),
        env={name: str(value) for name, value in masker.values(written.env).items()},
    )


def _taken(real: StageDefinition, stored: StageDefinition) -> dict[str, Json]:
    """Return the fields that are not the same in both."""
    names = [
        one.name for one in fields(real) if getattr(real, one.name) != getattr(stored, one.name)
    ]
    values = real.to_json() if names else {}
    return {name: values[name] for name in names}
