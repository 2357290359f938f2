"""Detects what changed since a run's stages ran, from the store and the disk, for a resume plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainui.domain.definition import StageDefinition
from trainui.domain.records import AttemptRecord, RunRecord, StageRecord
from trainui.domain.states import UNFINISHED, Status
from trainui.pipeline import input_fingerprint
from trainui.pipeline.input_fingerprint import InputStates
from trainui.pipeline.rules import fingerprint
from trainui.pipeline.rules.fingerprint import ResultOrigin
from trainui.pipeline.rules.resume_plan import Evidence
from trainui.pipeline.substitution import phases
from trainui.resume import outputs, shell_environment


@dataclass
class ChangeDetection:
    """Compares a run's stages with what their last attempts used."""

    run: RunRecord
    stages: Mapping[str, StageRecord]
    """By full name, as they would run now."""
    attempts: Mapping[str, Sequence[AttemptRecord]]
    """By the id of a stage that has any, oldest first."""
    recorded: Mapping[str, StageDefinition]
    """The definitions on record, by full name."""
    edited: Mapping[str, Sequence[str]]
    """Descriptions of each stage's edits by an edited file, by full name."""
    environ: Mapping[str, str] | None = None
    """The variables for `${env.NAME}` in inputs; None: the run's own."""

    def evidence(self, new: Collection[str] = ()) -> Evidence:
        """Collect the evidence of changes for all stages that have ended.

        `new` are the stages that an edited file added.

        Raises:
            UsageError: an input names a variable that is not set.
            UnfitEnvironmentError: the run's environment is needed for inputs but is missing.
        """
        changed = {one.name: self._changes(one) for one in self._ended() if not one.removed}
        return Evidence(changed=changed, reran=self.reran(), new=new, gone=self.gone())

    def gone(self) -> dict[str, str]:
        """Return a message for each completed stage with missing outputs, by full name."""
        found = {
            one.name: outputs.gone(self._made(one).definition, Path(one.directory))
            for one in self._ended()
            if one.status == Status.COMPLETED and not one.removed
        }
        return {name: words for name, words in found.items() if words is not None}

    def reran(self) -> dict[str, list[str]]:
        """Return each stage's upstreams that completed after its last attempt, by full names."""
        return {one.name: self._reran(one) for one in self._ended()}

    def _ended(self) -> list[StageRecord]:
        """Return the stages that were tried and are not unfinished again."""
        return [
            stage
            for stage in self.stages.values()
            if stage.id in self.attempts and stage.status not in UNFINISHED
        ]

    def as_kept(self, name: str, again: Collection[str]) -> dict[str, Any]:
        """Return the record of what a kept stage's result is now accepted for.

        `again` are the full names of the stages that run again although this one is kept.
        """
        stage = self.stages[name]
        completions = {
            upstream: self._completions(stage, upstream) + (upstream in again)
            for upstream in stage.depends_on
        }
        return fingerprint.kept_record(stage.definition, self._inputs(stage, {}), completions)

    def _changes(self, stage: StageRecord) -> list[str]:
        made = self._made(stage)
        changed = fingerprint.changes(made.definition, stage.definition, self.run.params)
        if made.definition == self.recorded[stage.name]:
            changed = list(self.edited.get(stage.name, ()))  # includes edits of secret values
        changed = list(dict.fromkeys([*made.secret_changes, *changed]))
        if made.inputs:
            now = self._inputs(stage, made.inputs)
            changed += fingerprint.input_changes(made.inputs, now)
        if stage.status == Status.COMPLETED:
            replaced = outputs.replaced(Path(stage.directory), stage.attempt)
            changed += filter(None, [replaced])
        return changed

    def _reran(self, stage: StageRecord) -> list[str]:
        excused = self._made(stage).excused
        return [
            upstream
            for upstream in stage.depends_on
            if self._completions(stage, upstream) > excused.get(upstream, 0)
        ]

    def _made(self, stage: StageRecord) -> ResultOrigin:
        return fingerprint.origin_of(self.attempts[stage.id][-1], self.recorded[stage.name])

    def _completions(self, stage: StageRecord, upstream: str) -> int:
        last, above = self.attempts[stage.id][-1], self.stages.get(upstream)
        attempts = () if above is None else self.attempts.get(above.id, ())
        return fingerprint.completions_since(last, attempts)

    def _inputs(self, stage: StageRecord, known: InputStates) -> InputStates:
        if not stage.definition.inputs:
            return {}
        if self.environ is None:
            self.environ = shell_environment.read(Path(self.run.directory)).environ
        found = phases.inputs_before_start(stage.definition, self.environ)
        return {path: input_fingerprint.observe(path, known.get(path)) for path in found}
