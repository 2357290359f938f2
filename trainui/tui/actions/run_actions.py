"""The base class for pages with runs: actions on runs, with confirmations where needed.

Actions call `trainui.control`, which is imported and run in a thread to keep the start fast and
the event loop free.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.screen import Screen

from trainui.domain.states import UNFINISHED, Status
from trainui.errors import TrainuiError
from trainui.text import harmless
from trainui.tui.actions.target import Target, label, listed, may_be_deleted
from trainui.tui.base_app import app_of
from trainui.tui.graph.nodes import most_important
from trainui.tui.terminal.key_queue import PromptScreen

if TYPE_CHECKING:
    from trainui.domain.records import StageRecord


class RunActions(PromptScreen):
    """The actions of pages that show runs."""

    def targets(self) -> Sequence[Target]:
        """Return the runs that actions apply to: the marked ones, else the one under the cursor."""
        raise NotImplementedError

    def stage_count(self) -> int:
        """Return the number of stages of the run that `target_stages` belong to."""
        return 0

    def acted(self) -> None:
        """Clear the marks, after an action was confirmed."""

    def target_stages(self) -> Sequence[StageRecord]:
        """Return the stages to act on, e.g. all members of a folded sweep; empty: the whole run."""
        return ()

    def report(self) -> str | None:
        """Return the Markdown that `Y` copies; None: the runs' reports, read in a thread."""
        return None

    def _targets(self) -> Sequence[Target]:
        """Return the runs to act on; if there are none, show a message."""
        targets = self.targets()
        if not targets:
            self.say_no_run()
        return targets

    def say_no_run(self) -> None:
        """Show that there is no run to act on."""
        self.app.notify("no run is selected", severity="warning")

    def action_resume(self) -> None:
        """Show the resume plan; for several runs, a confirmation."""
        targets = self._targets()
        if len(targets) > 1:
            from trainui.tui.actions.confirmations import resume_runs_question

            self._ask(resume_runs_question(targets))
        elif targets and targets[0].is_external:
            self._offer_new_run(targets[0], ())
        elif targets:
            from trainui.tui.actions.plan_screen import PlanScreen

            self._ask(PlanScreen(targets[0]))

    def action_rerun(self) -> None:
        """Show the confirmation for rerunning the stage, alone or with its dependants."""
        targets, stages = self._targets(), self.target_stages()
        unfinished = next((stage for stage in stages if stage.status in UNFINISHED), None)
        if len(targets) > 1:
            self.app.notify("R reruns a stage of one run: esc clears the marks")
        elif targets and targets[0].is_external:
            self._offer_new_run(targets[0], stages)
        elif targets and not stages:
            self.app.notify("open the run with enter, then select the stage to rerun")
        elif targets and unfinished is not None:
            state = f"{harmless(unfinished.name)} is {unfinished.status}"
            self.app.notify(f"{state}; wait until it ends, or cancel it with x")
        elif targets:
            from trainui.tui.actions.confirmations import rerun_question

            self._ask(rerun_question(targets[0], stages))

    def _offer_new_run(self, target: Target, stages: Sequence[StageRecord]) -> None:
        """Show the confirmation for running an external run's command as a new run."""
        from trainui.tui.actions.confirmations import new_run_question

        self._ask(new_run_question(target, stages))

    def action_edit(self) -> None:
        """Open the edit page for the run's and the stage's parameters."""
        targets, stages = self._targets(), self.target_stages()
        stage = most_important(stages) if stages else None
        if len(targets) > 1:
            self.app.notify("cannot edit several runs at once; esc clears the marks")
        elif targets and targets[0].is_external:
            name = harmless(targets[0].name)
            self.app.notify(f"{name} is external; R runs its command again as a new run")
        elif stage is not None and stage.status == Status.RUNNING and not _is_search(stages):
            self.app.notify(f"{harmless(stage.name)} is running; cancel it with x, then edit it")
        elif targets:
            from trainui.tui.actions.edit_screen import EditScreen

            self._ask(EditScreen(targets[0], stage, alone=len(stages) == 1))

    def action_cancel(self) -> None:
        """Show the confirmation for cancelling the stage or the run."""
        from trainui.tui.actions.confirmations import (
            can_be_cancelled,
            cancel_question,
            cancel_runs_question,
            named,
        )

        targets, stages = self._targets(), self.target_stages()
        if targets and not any(target.status in UNFINISHED for target in targets):
            several = f"all {len(targets)} marked runs have finished"
            self.app.notify(f"{_state(targets, several)}: nothing to cancel")
        elif len(targets) > 1:
            self._ask(cancel_runs_question(targets))
        elif targets and stages and not any(map(can_be_cancelled, stages)):
            ended = f"{named(stages)} has ended: nothing to cancel"
            self.app.notify(f"{ended}; x in the list of runs cancels the run")
        elif targets:
            has_others = self.stage_count() > len(stages) or _is_search(stages)
            self._ask(cancel_question(targets[0], stages, has_others=has_others))

    def action_remove(self) -> None:
        """Show the confirmation for deleting the run, or all marked ones, with its files."""
        targets = self._targets()
        if any(map(may_be_deleted, targets)):
            from trainui.tui.actions.confirmations import remove_question

            self._ask(remove_question(targets))
        elif targets:
            which = _state(targets, f"none of the {len(targets)} runs has finished")
            self.app.notify(f"{which}; cancel with x before deleting")

    def _ask(self, question: Screen[bool]) -> None:
        """Show a dialog, and clear the marks once it is confirmed."""
        self.app.push_screen(question, lambda done: self.acted() if done else None)

    def action_priority(self, change: int) -> None:
        """Raise (1) or lower (-1) the run's priority."""
        targets = self._targets()
        waiting = [target for target in targets if target.status in UNFINISHED]

        def work() -> str:
            from trainui import control

            changed = [(label(one), control.change_priority(one.id, change)) for one in waiting]
            return f"priority of {listed([f'{name} is {now:+d}' for name, now in changed])}"

        if waiting:
            app_of(self).act(work)
        elif targets:
            self.app.notify(f"{_state(targets, 'all have finished')}: priority has no effect")

    def action_copy(self) -> None:
        """Copy a report to the clipboard through the terminal (OSC 52)."""

        def make() -> str:
            from trainui.report import of_runs

            return of_runs([target.id for target in targets])

        if (report := self.report()) is not None:
            self._copy(report)
        elif targets := self._targets():
            self.copy_from(make)

    def copy_from(self, make: Callable[[], str], what: str = "copied as Markdown") -> None:
        """Make a text in a thread, and copy it; `what` is the message."""

        def work() -> None:
            try:
                text = make()
            except (TrainuiError, sqlite3.Error) as error:
                self.app.call_from_thread(self.app.notify, harmless(f"copying failed: {error}"))
            else:
                self.app.call_from_thread(self._copy, text, what)

        self.run_worker(work, thread=True, exit_on_error=False)

    def _copy(self, text: str, what: str = "copied as Markdown") -> None:
        self.app.copy_to_clipboard(text)
        self.app.notify(f"{what} (if the terminal supports OSC 52)")


def _state(targets: Sequence[Target], several: str) -> str:
    """Return a run's name and state; of several runs the words given."""
    (run, *others) = targets
    verb = "is" if run.status in UNFINISHED else "already"  # the state is a verb's past tense then
    return several if others else f"{harmless(run.name)} {verb} {run.status}"


def _is_search(stages: Sequence[StageRecord]) -> bool:
    """Return True for trials of a search: those to come can be edited while others run."""
    return all(one.definition.trial is not None for one in stages)
