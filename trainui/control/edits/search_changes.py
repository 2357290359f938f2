"""Changes of a search that has trials: by an edited pipeline, and by asking for more trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trainui.control.edits import inline_edit
from trainui.control.edits.inline_edit import InlineEdit
from trainui.domain.definition import StageDefinition
from trainui.domain.records import RunRecord, StageRecord
from trainui.errors import UsageError
from trainui.pipeline import editing
from trainui.store.read import views

NEW_RUN = "submit a new run, or undo the edit"


def check(stages: Iterable[StageRecord], edited: Sequence[StageDefinition]) -> None:
    """Raise UsageError if trials on record are not comparable with those of an edited pipeline."""
    after = {stage.group: stage for stage in edited if stage.search is not None}
    before = {
        stage.definition.group: stage.definition
        for stage in stages
        if stage.definition.trial_params and not stage.removed
    }
    for name in before.keys() & after.keys():
        if (before[name].over is None) != (after[name].over is None):
            raise UsageError(
                f"{name}: `seeds` of a search that has trials can change, but neither be added nor "
                f"removed; {NEW_RUN}"
            )
        old, new = before[name].search, after[name].search
        for field in ("metric", "goal"):
            was, now = getattr(old, field, None), getattr(new, field, None)
            if old is not None and was != now:
                raise UsageError(
                    f"{name}: the {field} of a search that has trials cannot change "
                    f"({was} -> {now}); {NEW_RUN}"
                )


def with_more_trials(run: RunRecord, more: int) -> InlineEdit:
    """Return a run's pipeline with more trials for its only search.

    Raises:
        UsageError: the run has no search, several, or one whose `trials` is not a plain number.
    """
    with views.reading() as connection:
        stages = views.stages(connection, run.id)
    found = {
        one.definition.group: one.definition
        for one in stages
        if one.definition.trial is not None and not one.removed
    }
    if not found:
        raise UsageError(f"--trials asks for more trials of a search, and {run.name} has none")
    if len(found) > 1:
        raise UsageError(
            f"{run.name} has several searches: {', '.join(found)}; edit `trials` in its file, and "
            "resume with --file"
        )
    [(name, trial)] = found.items()
    text = inline_edit.text_of(run)
    values = {one.name: one for one in editing.places(text, trial) if one.scope == "search"}
    place = values.get("trials")
    if place is None or not place.value.isdecimal():
        raise UsageError(
            f"`trials` of {name} is not written as a number in its search; edit it in the file, "
            "and resume with --file"
        )
    total = int(place.value) + more
    changed = editing.with_values(text, {place: str(total)})
    return inline_edit.edited(run, changed, f"{name}: trials {place.value} -> {total}")
