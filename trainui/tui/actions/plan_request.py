"""Plans of a resume, and what each was made with: the work of a thread, since it looks at files."""

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
    """What a person wants of single stages, by full names."""

    until: frozenset[str] = frozenset()
    """Only these and what they depend on; none: all."""
    fresh: frozenset[str] = frozenset()
    """Begin anew, with no checkpoint."""
    keep: frozenset[str] = frozenset()
    """Keep their results, whatever has changed."""

    def toggled(self, kind: str, name: str) -> StageChoices:
        """Return the same with a wish added, or taken back."""
        return replace(self, **{kind: getattr(self, kind) ^ {name}})

    @property
    def words(self) -> str:
        """What is wished, in the words of the command line."""
        return "  ".join(
            f"--{kind} {harmless(name)}"
            for kind in ("until", "keep", "fresh")
            for name in sorted(getattr(self, kind))
        )

    @property
    def arguments(self) -> Mapping[str, Any]:
        """As `control.resume` takes them."""
        return {"until": self.until, "fresh": self.fresh, "keep": self.keep}


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A plan, and what it was made with."""

    stages: Sequence[PlannedStage]
    wishes: StageChoices = field(default_factory=StageChoices)
    pipeline: Pipeline | None = None
    """An edited one; None: the run's own."""
    file: str | None = None
    """The run's file, where it was edited."""
    diff: str = ""
    code: str = ""
    """How the code differs from what was submitted, in words."""
    alteration: InlineEdit | None = None
    """What was edited apart from the run's file."""

    @property
    def revives(self) -> bool:
        """Whether there is anything to do."""
        return any(one.action != Action.SKIP for one in self.stages)


def make_offer(
    run_id: str, wishes: StageChoices, *, edited: bool, alteration: InlineEdit | None = None
) -> PlanRequest:
    """Make a plan: of the run's file as it is now, where it was edited, or of the run's own.

    Args:
        run_id: the run.
        wishes: of single stages.
        edited: whether the run's file counts as it is now.
        alteration: how the run's own pipeline was edited, apart from that file.

    Raises:
        PipelineFileError: the edited file has problems.
        UsageError: a wish cannot be met.
    """
    from trainui import control
    from trainui.control import lookup
    from trainui.control.edits import file_changes

    run = lookup.run_of(run_id)
    offer = PlanRequest((), wishes, code=control.since_submission(run))
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
