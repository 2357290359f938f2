"""Confirmations for actions on several runs: one dialog that lists them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from trainui.domain.states import UNFINISHED
from trainui.errors import TrainuiError
from trainui.text import harmless
from trainui.tui.actions.confirm_screen import Choice, ConfirmScreen
from trainui.tui.actions.target import Target, listed

MOST_TOLD = 8
"""Maximum number of runs with a line each; the others are counted."""


def cancel_runs_question(targets: Sequence[Target]) -> ConfirmScreen:
    """Return the confirmation for cancelling every unfinished stage of these runs."""
    going = [target for target in targets if target.status in UNFINISHED]
    over = len(targets) - len(going)

    def facts() -> list[str]:
        from trainui.tui.actions.cancel_impact import losses

        lines = [_named(going), *([f"{_runs(over)} finished already"] if over else [])]
        return lines + [line for target in going for line in losses(target.id, None)]

    def work() -> str:
        from trainui import control

        asked = [name for target in going for name in control.cancel(target.id)]
        return f"cancelling {_count(len(asked), 'stage')} of {_count(len(going), 'run')}..."

    title = f"Cancel {_count(len(going), 'run')}?"
    answers = [
        Choice("y", "cancel every unfinished stage of these runs", work),
        Choice("n", "leave them running", None),
    ]
    return ConfirmScreen(title, facts, answers)


def remove_question(targets: Sequence[Target]) -> ConfirmScreen:
    """Return the confirmation for deleting finished runs with their files."""
    over = [target for target in targets if target.status not in UNFINISHED]
    going = len(targets) - len(over)

    def facts() -> list[str]:
        from trainui.store.read import views
        from trainui.tui.actions.directory_size import size_in_words

        with views.reading() as connection:
            runs = [views.run(connection, target.id) for target in over]
        directories = [run.directory for run in runs if run is not None]
        lines = [
            _named(over),
            *([f"{_runs(going)} not finished and will be kept"] if going else []),
        ]
        if len(directories) == 1:
            lines.append(f"with {harmless(directories[0])}")
        return [*lines, f"{size_in_words(map(Path, directories))} will be deleted permanently"]

    def work() -> str:
        from trainui import control

        return _each(over, "deleted", lambda target: control.remove(target.id))

    one = len(over) == 1
    name = f"the run {over[0].label}" if one else _count(len(over), "run")
    answers = [
        Choice("y", "delete it" if one else "delete them", work),
        Choice("n", "keep it" if one else "keep them", None),
    ]
    return ConfirmScreen(f"Delete {name}?", facts, answers, marked=1)


def resume_runs_question(targets: Sequence[Target]) -> ConfirmScreen:
    """Return the confirmation for resuming these runs, each with its own plan."""

    def facts() -> list[str]:
        from trainui import control
        from trainui.control.resume_preview import summary

        lines = [_named(targets)]
        for target in targets[:MOST_TOLD]:
            plan = control.plan_resume(target.id)
            lines.append(f"{target.label}: {summary(plan)}")
        if len(targets) > MOST_TOLD:
            lines.append(f"and {len(targets) - MOST_TOLD} more")
        return [
            *lines,
            "Each resumes with its pipeline as submitted; to use edits, resume one run alone.",
        ]

    def work() -> str:
        from trainui import control

        return _each(targets, "resumed", lambda target: bool(control.resume(target.id)))

    answers = [Choice("y", "resume them", work), Choice("n", "cancel", None)]
    return ConfirmScreen(f"Resume {_count(len(targets), 'run')}?", facts, answers, starts=True)


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
    lines = [f"{done}: {_count(succeeded, 'run')}"] if succeeded or not failed else []
    if nothing:
        lines.append(f"{_runs(nothing)} unchanged: nothing to do")
    return "\n".join([*lines, *failed[:MOST_TOLD]])


def _named(targets: Sequence[Target]) -> str:
    return listed([target.label for target in targets], MOST_TOLD)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _runs(count: int) -> str:
    return f"{_count(count, 'run')} {'is' if count == 1 else 'are'}"
