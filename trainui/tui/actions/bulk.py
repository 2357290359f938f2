"""Confirmations for actions on several runs: one dialog that lists them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from trainui import disk
from trainui.domain.states import UNFINISHED
from trainui.errors import TrainuiError
from trainui.formatting import quantity, size
from trainui.text import harmless
from trainui.tui.actions.confirm_screen import Choice, ConfirmScreen
from trainui.tui.actions.target import Target, listed

MOST_LISTED = 8
"""Maximum number of runs with a line each; the others are counted."""


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

        asked, failed = [], []
        for target in unfinished:
            try:
                asked.append(len(control.cancel(target.id)))
            except TrainuiError as error:  # e.g. an external run that was not adopted
                failed.append(f"{target.label}: {error}")
        said = f"cancelling {quantity(sum(asked), 'stage')} of {quantity(len(asked), 'run')}..."
        return "\n".join([*([said] if asked else []), *failed[:MOST_LISTED]])

    title = f"Cancel {quantity(len(unfinished), 'run')}?"
    answers = [
        Choice("y", "cancel every unfinished stage of these runs", work),
        Choice("n", "do not cancel", None),
    ]
    return ConfirmScreen(title, facts, answers)


def remove_question(targets: Sequence[Target]) -> ConfirmScreen:
    """Return the confirmation for deleting finished runs with their files."""
    finished = [target for target in targets if target.may_be_deleted]
    unfinished = len(targets) - len(finished)

    def facts() -> list[str]:
        from trainui.store.read import views

        with views.reading() as connection:
            runs = [views.run(connection, target.id) for target in finished]
        directories = [run.directory for run in runs if run is not None]
        used = sum(disk.used(Path(directory)) for directory in directories)
        lines = [
            _named(finished),
            *([f"{_runs(unfinished)} not finished and will be kept"] if unfinished else []),
        ]
        if len(directories) == 1:
            lines.append(f"with {harmless(directories[0])}")
        lines.append(f"{size(used)} will be deleted permanently")
        external = any(target.is_external for target in finished)
        kept = "of external runs only the record is deleted; the trainings' own files stay"
        return [*lines, *([kept] if external else [])]

    def work() -> str:
        from trainui import control

        return _each(finished, "deleted", lambda target: control.remove(target.id))

    one = len(finished) == 1
    name = f"the run {finished[0].label}" if one else quantity(len(finished), "run")
    answers = [
        Choice("y", "delete it" if one else "delete them", work),
        Choice("n", "keep it" if one else "keep them", None),
    ]
    return ConfirmScreen(f"Delete {name}?", facts, answers, marked=1)


def resume_runs_question(targets: Sequence[Target]) -> ConfirmScreen:
    """Return the confirmation for resuming these runs, each with its own plan."""

    def facts() -> list[str]:
        lines = [_named(targets)]
        lines += [f"{target.label}: {_plan_summary(target)}" for target in targets[:MOST_LISTED]]
        if len(targets) > MOST_LISTED:
            lines.append(f"and {len(targets) - MOST_LISTED} more")
        return [
            *lines,
            "Each resumes with its pipeline as submitted; to use edits, resume one run alone.",
        ]

    def work() -> str:
        from trainui import control

        return _each(targets, "resumed", lambda target: bool(control.resume(target.id)))

    answers = [Choice("y", "resume them", work), Choice("n", "cancel", None)]
    return ConfirmScreen(f"Resume {quantity(len(targets), 'run')}?", facts, answers, starts=True)


def _plan_summary(target: Target) -> str:
    """Return what a resume would do with a run, or why it cannot be resumed."""
    from trainui import control
    from trainui.control.resuming.resume_preview import summary

    try:
        return summary(control.plan_resume(target.id))
    except TrainuiError as error:
        return f"not resumed: {error}"


def _each(targets: Sequence[Target], done: str, act: Callable[[Target], object]) -> str:
    """Act on each run, also after errors; returns a message with counts and errors."""
    succeeded, nothing, failed = 0, 0, []
    for target in targets:
        try:
            found = act(target)
        except TrainuiError as error:
            failed.append(f"{target.label}: {error}")
        else:
            nothing += found is False
            succeeded += found is not False
    lines = [f"{done}: {quantity(succeeded, 'run')}"] if succeeded or not failed else []
    if nothing:
        lines.append(f"{_runs(nothing)} unchanged: nothing to do")
    return "\n".join([*lines, *failed[:MOST_LISTED]])


def _named(targets: Sequence[Target]) -> str:
    return listed([target.label for target in targets], MOST_LISTED)


def _runs(count: int) -> str:
    return f"{quantity(count, 'run')} {'is' if count == 1 else 'are'}"
