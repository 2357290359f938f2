"""The options of a resume, and its preview: the pipeline to use, and the plan in words.

The command line and the screen show the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainui import formatting
from trainui.pipeline.rules.resume_plan import Action, PlannedStage

if TYPE_CHECKING:
    from trainui.model.definition import Pipeline
    from trainui.model.records import RunRecord
    from trainui.resume.edits import InlineEdit


@dataclass(frozen=True, slots=True)
class StageOptions:
    """Options for single stages, by full names."""

    until: Collection[str] = frozenset()
    """Run only these and what they depend on; empty: all."""
    fresh: Collection[str] = frozenset()
    """Restart these from scratch, without their checkpoints."""
    keep: Collection[str] = frozenset()
    """Keep the results of these completed stages, even if something changed."""
    only: Collection[str] = frozenset()
    """Run only these, what they depend on and what follows; the others stay as they are."""

    before: Mapping[str, str] = field(default_factory=dict)
    """Continue these from this checkpoint, and give up those that they wrote after it."""

    def toggled(self, option: str, stage: str) -> StageOptions:
        """Return a copy with an option of a stage switched on or off."""
        changed: dict[str, Any] = {option: frozenset(getattr(self, option)) ^ {stage}}
        return replace(self, **changed)

    @property
    def arguments(self) -> str:
        """The options as command-line arguments, for display."""
        return "  ".join(
            f"--{option} {stage}"
            for option in ("until", "keep", "fresh")
            for stage in sorted(getattr(self, option))
        )


@dataclass(frozen=True, slots=True)
class PipelineChoice:
    """The pipeline of a resume."""

    pipeline: Pipeline | None = None
    """The edited pipeline; None: the one on record."""
    diff: str | None = None
    """Its difference from the one on record."""
    changed_file: str | None = None
    """The run's pipeline file, if it has changed since the run and no other one was given."""
    edit: InlineEdit | None = None
    """The inline edit that made the pipeline, if it does not come from a file."""
    member: str | None = None
    """The full name of the sweep's member that the edit is of; None: of the run."""
    waited: Sequence[str] = ()
    """Full names of the stages that were running when the pipeline was edited."""

    @property
    def is_changed(self) -> bool:
        """True if the pipeline on record, without an edit, is a choice as well."""
        return self.changed_file is not None or bool(self.waited)


def choose_pipeline(
    run: RunRecord,
    *,
    file: str | None = None,
    edit: InlineEdit | None = None,
    as_submitted: bool = False,
) -> PipelineChoice:
    """Return the pipeline to resume with: the given file, the inline edit, or the run's own file.

    With `as_submitted`, changes of the run's file since the submission are ignored. It reads files,
    so the screen calls it in a thread.

    Raises:
        PipelineFileError: the file or the edit has problems.
    """
    from trainui.resume import edit_effects, edits

    if edit is not None:
        pipeline, member = edits.pipeline_of(run, edit)
        diff = edits.edit_diff(run, pipeline, edit)
        return PipelineChoice(pipeline, diff, edit=edit, member=member)
    changed = None if file is not None else edits.changed_file(run)
    source = file or changed
    waited = edit_effects.stages_with_waiting_edits(run.id)
    if as_submitted:
        return PipelineChoice(changed_file=changed, waited=waited)
    if source is not None:
        pipeline = edits.load(source, run)
        if file is not None or not edits.is_equivalent(pipeline, run):
            return PipelineChoice(pipeline, edits.file_diff(run, pipeline, source), changed)
    if not waited:
        return PipelineChoice()
    words = f"{formatting.listed(waited)}: the edit made while it was running"
    edit = edits.edited(run, edits.text_of(run), words)
    pipeline, _member = edits.pipeline_of(run, edit)
    return PipelineChoice(pipeline, edit=edit, waited=waited)


def difference(shown: Sequence[PlannedStage], now: Sequence[PlannedStage]) -> list[str]:
    """Return in which stages two plans differ, a line each; their estimates do not count."""
    before, after = ({one.name: _in_words(one) for one in plan} for plan in (shown, now))
    return [
        f"{name}: {before.get(name, 'not there')} -> {after.get(name, 'not there')}"
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _in_words(one: PlannedStage) -> str:
    parts = [
        str(one.action),
        f"from {Path(one.checkpoint).name}" if one.checkpoint else "",
        "in a new directory" if one.fresh else "",
        "(left out)" if one.left_out else "(kept)" if one.kept else "",
        "(its edit is pending)" if one.edit_waits else "",
    ]
    return " ".join(filter(None, parts))


def explanation(one: PlannedStage) -> str:
    """Return the reason for an action, and the checkpoint that it continues from."""
    if one.checkpoint is None:
        is_restarted = one.fresh and one.action == Action.RUN
        return f"{one.reason}; in a new directory" if is_restarted else one.reason
    step = "" if one.step is None else f" at step {one.step:,}"
    return f"{one.reason}; from {Path(one.checkpoint).name}{step}"


def duration(one: PlannedStage) -> str:
    """Return the time that a skipped stage took, or that another one will take; empty: unknown."""
    if one.seconds is None:
        return ""
    words = formatting.duration(one.seconds)
    return words if one.action == Action.SKIP else f"~{words}"


def summary(stages: Sequence[PlannedStage]) -> str:
    """Return a summary, e.g. `2 to run, 1 to continue, 3 skipped`."""
    count = {action: sum(one.action == action for one in stages) for action in Action}
    words = ((Action.RUN, "to run"), (Action.CONTINUE, "to continue"), (Action.SKIP, "skipped"))
    counts = ", ".join(f"{count[action]} {word}" for action, word in words if count[action])
    return counts if count[Action.SKIP] < len(stages) else f"nothing to resume: {counts}"


def waiting(stages: Sequence[PlannedStage]) -> str:
    """Return which running stages an edit does not reach yet; empty if none."""
    names = [one.name for one in stages if one.edit_waits]
    if not names:
        return ""
    if len(names) == 1:
        return f"{names[0]} runs with the definition it was submitted with; its edit is pending"
    which = formatting.listed(names)
    return f"{which} run with the definitions they were submitted with; their edits are pending"


def saved(stages: Sequence[PlannedStage]) -> str:
    """Return the GPU time saved by kept results and checkpoints, as text; empty if none."""
    seconds = sum(one.gpu_seconds_saved for one in stages)
    return f"GPU time saved: {formatting.duration(seconds)}" if seconds else ""
