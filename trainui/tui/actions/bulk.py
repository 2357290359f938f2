"""Confirmations for actions on several runs: one dialog that lists them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from trainui import disk
from trainui.domain.states import UNFINISHED
from trainui.errors import TrainuiError
from trainui.formatting import quantity, size
from trainui.text import harmless
from trainui.tui.actions.confirm_screen import Choice, ConfirmScreen
from trainui.tui.actions.target import Target, label, listed, may_be_deleted

MOST_LISTED = 8
"""Maximum number of runs with a line each; the others are counted."""

Result = TypeVar("Result")


def cancel_runs_question(targets: Sequence[Target]) -> ConfirmScreen:
    """Return the confirmation for cancelling every unfinished stage of these runs."""
    unfinished = [target for target in targets if target.status in UNFINISHED]
    finished = len(targets) - len(unfinished)

    def facts() -> list[str]:
        from trainui.tui.actions.cancel_impact import lost_work

        lines = [_named(unfinished), *([f"{_runs(finished)} finished already"] if finished else [])]
        return lines + [line for target in unfinished for line in lost_work(target.id, None)]

    def work() -> str:
        from trainui import control

        found, failed = _each(unfinished, control.cancel)
        stages = quantity(sum(map(len, found)), "stage")
        said = f"cancelling {stages} of {quantity(len(found), 'run')}..." if found else ""
        return _joined(said, *failed)

    title = f"Cancel {quantity(len(unfinished), 'run')}?"
    yes = Choice("y", "cancel every unfinished stage of these runs", work)
    return ConfirmScreen(title, facts, [yes, Choice("n", "do not cancel")])


def remove_question(targets: Sequence[Target]) -> ConfirmScreen:
    """Return the confirmation for deleting finished runs with their files."""
    finished = [target for target in targets if may_be_deleted(target)]
    unfinished, one = len(targets) - len(finished), len(finished) == 1

    def facts() -> list[str]:
        from trainui.store.read import views

        with views.reading() as connection:
            runs = [views.run(connection, target.id) for target in finished]
        directories = [run.directory for run in runs if run is not None]
        lines = [_named(finished)] * (not one)  # the title names a single one
        if unfinished:
            lines.append(f"{_runs(unfinished)} not finished and will be kept")
        if len(directories) == 1:
            lines.append(f"with {harmless(directories[0])}")
        used = sum(disk.used(Path(directory)) for directory in directories)
        lines.append(f"{size(used)} will be deleted permanently")
        if any(target.is_external for target in finished):
            kept = "of external runs only the record is deleted; the trainings' own files stay"
            lines.append(kept)
        return lines

    def work() -> str:
        from trainui import control

        found, failed = _each(finished, control.remove)
        said = f"deleted: {quantity(len(found), 'run')}" if found or not failed else ""
        return _joined(said, *failed)

    name = f"the run {label(finished[0])}" if one else quantity(len(finished), "run")
    it = "it" if one else "them"
    answers = [Choice("y", f"delete {it}", work), Choice("n", f"keep {it}")]
    return ConfirmScreen(f"Delete {name}?", facts, answers, marked=1)


def resume_runs_question(targets: Sequence[Target]) -> ConfirmScreen:
    """Return the confirmation for resuming these runs, each with its own plan."""

    def facts() -> list[str]:
        lines = [_named(targets)]
        lines += [f"{label(target)}: {_plan_summary(target)}" for target in targets[:MOST_LISTED]]
        if len(targets) > MOST_LISTED:
            lines.append(f"and {len(targets) - MOST_LISTED} more")
        how = "Each resumes with its pipeline as submitted; to use edits, resume one run alone."
        return [*lines, how]

    def work() -> str:
        from trainui import control

        found, failed = _each(targets, control.resume)
        resumed = sum(map(bool, found))
        said = f"resumed: {quantity(resumed, 'run')}" if resumed or not failed else ""
        nothing = len(found) - resumed
        unchanged = f"{_runs(nothing)} unchanged: nothing to do" if nothing else ""
        return _joined(said, unchanged, *failed)

    answers = [Choice("y", "resume them", work), Choice("n", "cancel")]
    return ConfirmScreen(f"Resume {quantity(len(targets), 'run')}?", facts, answers, starts=True)


def _plan_summary(target: Target) -> str:
    """Return what a resume would do with a run, or why it cannot be resumed."""
    from trainui import control
    from trainui.resume.preview import summary

    try:
        return summary(control.plan_resume(target.id))
    except TrainuiError as error:
        return f"not resumed: {error}"


def _each(
    targets: Sequence[Target], act: Callable[[str], Result]
) -> tuple[list[Result], list[str]]:
    """Act on each run by its id, also after errors; return the results, and a line an error."""
    found, failed = [], []
    for target in targets:
        try:
            found.append(act(target.id))
        except TrainuiError as error:  # e.g. an external run that was not adopted
            failed.append(f"{label(target)}: {error}")
    return found, failed[:MOST_LISTED]


def _joined(*lines: str) -> str:
    return "\n".join(filter(None, lines))


def _named(targets: Sequence[Target]) -> str:
    return listed([*map(label, targets)], MOST_LISTED)


def _runs(count: int) -> str:
    return f"{quantity(count, 'run')} {'is' if count == 1 else 'are'}"
