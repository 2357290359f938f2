"""Detects what changed since a run's stages ran, from the store and the disk, for a resume plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainui.artifacts import environment, forgotten_attempts
from trainui.domain.definition import StageDefinition
from trainui.domain.records import AttemptRecord, RunRecord, StageRecord
from trainui.domain.states import UNFINISHED, Status
from trainui.pipeline import input_fingerprint
from trainui.pipeline.input_fingerprint import InputStates
from trainui.pipeline.rules import fingerprint
from trainui.pipeline.rules.fingerprint import ResultOrigin
from trainui.pipeline.rules.resume_reasons import Evidence
from trainui.pipeline.substitution import phases


class ChangeDetection:
    """Compares a run's stages with what their last attempts used."""

    def __init__(
        self,
        run: RunRecord,
        stages: Sequence[StageRecord],
        attempts: Mapping[str, Sequence[AttemptRecord]],
        recorded: Mapping[str, StageDefinition],
        edited: Mapping[str, Sequence[str]],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Create a detection.

        Args:
            run: the run.
            stages: as they would run now.
            attempts: by stage id, oldest first.
            recorded: the definitions on record, by full name.
            edited: descriptions of the edits by an edited file, by full name.
            environ: the variables for `${env.NAME}` in inputs; None: the run's own.
        """
        self._run = run
        self._stages = {stage.name: stage for stage in stages}
        self._attempts = {
            stage.name: attempts.get(stage.id, ()) for stage in stages if stage.id in attempts
        }
        self._recorded = recorded
        self._edited = edited
        self._environ = environ

    def evidence(self, new: Collection[str] = ()) -> Evidence:
        """Collect the evidence of changes for all stages that have ended.

        `new` are the stages that an edited file added.

        Raises:
            UsageError: an input names a variable that is not set.
            UnfitEnvironmentError: the run's environment is needed for inputs but is missing.
        """
        over = [
            stage
            for name, stage in self._stages.items()
            if name in self._attempts and stage.status not in UNFINISHED and not stage.removed
        ]
        changed = {stage.name: self._changes(stage) for stage in over}
        return Evidence(changed=changed, reran=self.reran(), new=new, gone=self.gone())

    def gone(self) -> dict[str, str]:
        """Return a message for each completed stage with missing outputs, by full name."""
        from trainui.artifacts import outputs

        found = {
            name: outputs.gone(self._made(stage).definition, Path(stage.directory))
            for name, stage in self._stages.items()
            if name in self._attempts and stage.status == Status.COMPLETED and not stage.removed
        }
        return {name: words for name, words in found.items() if words is not None}

    def reran(self) -> dict[str, list[str]]:
        """Return each stage's upstreams that completed after its last attempt, by full names."""
        return {
            stage.name: self._reran(stage)
            for name, stage in self._stages.items()
            if name in self._attempts and stage.status not in UNFINISHED
        }

    def as_kept(self, name: str, again: Collection[str]) -> dict[str, Any]:
        """Return the record of what a kept stage's result is now accepted for.

        `again` are the full names of the stages that run again although this one is kept.
        """
        stage = self._stages[name]
        completions = {
            upstream: self._completions(stage, upstream) + (upstream in again)
            for upstream in stage.depends_on
        }
        return fingerprint.kept_record(stage.definition, self._inputs(stage, {}), completions)

    def _changes(self, stage: StageRecord) -> list[str]:
        made = self._made(stage)
        changed = fingerprint.changes(made.definition, stage.definition, self._run.params)
        if made.definition == self._recorded[stage.name]:
            changed = list(self._edited.get(stage.name, ()))  # includes edits of secret values
        changed = list(dict.fromkeys([*made.secret_changes, *changed]))
        if made.inputs:
            now = self._inputs(stage, made.inputs)
            changed += fingerprint.input_changes(made.inputs, now)
        if stage.status == Status.COMPLETED:
            replaced = forgotten_attempts.replaced(Path(stage.directory), stage.attempt)
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
        return fingerprint.origin_of(self._attempts[stage.name][-1], self._recorded[stage.name])

    def _completions(self, stage: StageRecord, upstream: str) -> int:
        last = self._attempts[stage.name][-1]
        return fingerprint.completions_since(last, self._attempts.get(upstream, ()))

    def _inputs(self, stage: StageRecord, known: InputStates) -> InputStates:
        if not stage.definition.inputs:
            return {}
        if self._environ is None:
            self._environ = environment.read(Path(self._run.directory)).environ
        found = phases.inputs_before_start(stage.definition, self._environ)
        return {path: input_fingerprint.observe(path, known.get(path)) for path in found}
