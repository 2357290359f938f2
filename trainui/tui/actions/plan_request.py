"""Resume plans and the options they were made with; reads files, so call it in a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.text import harmless

if TYPE_CHECKING:
    from trainui.control.edits.inline_edit import InlineEdit
    from trainui.domain.definition import Pipeline
    from trainui.domain.records import RunRecord


@dataclass(frozen=True, slots=True)
class StageChoices:
    """The user's options for single stages, by full names."""

    until: frozenset[str] = frozenset()
    """Run only these and their dependencies; empty: all."""
    fresh: frozenset[str] = frozenset()
    """Restart these without a checkpoint."""
    keep: frozenset[str] = frozenset()
    """Keep the results of these even if they have changed."""

    def toggled(self, kind: str, name: str) -> StageChoices:
        """Return a copy with an option of a stage switched on or off."""
        return replace(self, **{kind: getattr(self, kind) ^ {name}})

    @property
    def words(self) -> str:
        """The options as command-line arguments, for display."""
        return "  ".join(
            f"--{kind} {harmless(name)}"
            for kind in ("until", "keep", "fresh")
            for name in sorted(getattr(self, kind))
        )

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The keyword arguments for `control.resume`."""
        return {"until": self.until, "fresh": self.fresh, "keep": self.keep}


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A resume plan and the options it was made with."""

    stages: Sequence[PlannedStage]
    wishes: StageChoices = field(default_factory=StageChoices)
    pipeline: Pipeline | None = None
    """The edited pipeline; None: the run's own."""
    file: str | None = None
    """The run's pipeline file if it was edited; else None."""
    diff: str = ""
    code: str = ""
    """How the code differs from the submitted code, as text."""
    alteration: InlineEdit | None = None
    """An inline edit, made on the edit page; None: none."""

    @property
    def revives(self) -> bool:
        """True if any stage would run."""
        return any(one.action != Action.SKIP for one in self.stages)


def make_offer(
    run_id: str, wishes: StageChoices, *, edited: bool, alteration: InlineEdit | None = None
) -> PlanRequest:
    """Plan a resume with an inline edit, the edited file, or the run's own pipeline.

    Args:
        run_id: the run.
        wishes: options for single stages.
        edited: whether to use the run's file if it was edited.
        alteration: an inline edit of the run's pipeline; takes precedence over the file.

    Raises:
        PipelineFileError: the edited file has problems.
        UsageError: an option cannot be satisfied.
    """
    from trainui import control
    from trainui.artifacts import code_version
    from trainui.control import lookup
    from trainui.control.edits import file_changes

    run = lookup.run_of(run_id)
    offer = PlanRequest((), wishes, code=code_version.since_submission(run))
    found = None if alteration else file_changes.edited_file(run)
    if alteration is not None:
        offer = _altered(run, offer, alteration)
    elif found is not None and not edited:
        offer = replace(offer, file=found.file)
    elif found is not None:
        pipeline = file_changes.load(found.file, run)
        if not file_changes.says_the_same(pipeline, run):
            diff = file_changes.diff(run, pipeline, found.file)
            offer = replace(offer, pipeline=pipeline, file=found.file, diff=diff)
    stages = control.plan_resume(run_id, pipeline=offer.pipeline, **wishes.arguments)
    return replace(offer, stages=stages)


def _altered(run: RunRecord, offer: PlanRequest, alteration: InlineEdit) -> PlanRequest:
    from trainui.control.edits import inline_edit as altering

    pipeline = altering.pipeline_of(run, alteration)
    diff = altering.diff(run, pipeline, alteration)
    return replace(offer, pipeline=pipeline, diff=diff, alteration=alteration)
