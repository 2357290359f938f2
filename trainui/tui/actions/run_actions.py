"""What a person does to runs: each key asks first where it must, acts, and says what came of it.

The writes are `trainui.control`'s, imported and called in a thread, so that the first frame and
the event loop know nothing of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from trainui.domain.states import UNFINISHED, Status
from trainui.errors import TrainuiError
from trainui.text import harmless
from trainui.tui.graph.nodes import most_telling

if TYPE_CHECKING:
    from trainui.domain.records import RunRecord, StageRecord
    from trainui.store.read.run_list import RunLine
    from trainui.tui.app import TrainuiApp

MOST_NAMED = 4
"""Runs or stages that are named in a row."""


@dataclass(frozen=True, slots=True)
class Target:
    """The run that keys act on."""

    id: str
    name: str
    status: Status
    priority: int

    @classmethod
    def of(cls, run: RunRecord | RunLine) -> Target:
        """Return a run as a target."""
        return cls(run.id, run.name, run.status, run.priority)

    @property
    def label(self) -> str:
        """The run's name with the start of its id, since several runs may share a name."""
        name = harmless(self.name)
        return name if self.name == self.id else f"{name} {self.id[:8]}"


class RunActions(Screen[None]):
    """Actions of the pages that show runs."""

    def targets(self) -> list[Target]:
        """Return the runs that every key acts on: what is marked, else what is under the cursor."""
        raise NotImplementedError

    def acted(self) -> None:
        """Clear the marks: the marked runs are about to be acted on."""

    def target_stages(self) -> Sequence[StageRecord]:
        """Return the stages to act on: all members of a folded matrix; none: the whole run."""
        return ()

    def report(self) -> str | None:
        """Return what `Y` copies, as Markdown; None: the reports of the runs, read in a thread."""
        return None

    def _targets(self) -> list[Target]:
        """Return the runs to act on, and say so where there is none."""
        targets = self.targets()
        if not targets:
            self.say_no_run()
        return targets

    def say_no_run(self) -> None:
        """Say why a key does nothing."""
        self.app.notify("there is no run here to act on", severity="warning")

    def action_resume(self) -> None:
        """Show the plan of a resume."""
        targets = self._targets()
        if len(targets) > 1:
            from trainui.tui.actions.bulk import resume_runs_question

            self._ask(resume_runs_question(targets))
        elif targets:
            from trainui.tui.actions.plan_screen import PlanScreen

            self._ask(PlanScreen(targets[0]))

    def action_rerun(self) -> None:
        """Ask whether the stage alone runs again, or with what depends on it."""
        targets, stages = self._targets(), self.target_stages()
        if not targets:
            return
        unfinished = [stage for stage in stages if stage.status in UNFINISHED]
        if not stages:
            self._say("open the run with enter, then choose the stage that is to run again")
        elif unfinished:
            name = harmless(unfinished[0].name)
            self._say(f"{name} is {unfinished[0].status}; wait for its end, or cancel it with x")
        else:
            from trainui.tui.actions.confirmations import rerun_question

            self._ask(rerun_question(targets[0], stages))

    def action_edit(self) -> None:
        """Edit the run's values, and those of the stage, and resume with them."""
        targets, stages = self._targets(), self.target_stages()
        stage = most_telling(stages) if stages else None
        if len(targets) > 1:
            self._say("several runs are marked; esc unmarks them, then e edits one")
        elif stage is not None and stage.status == Status.RUNNING:
            self._say(f"{harmless(stage.name)} is running; cancel it with x, then edit it")
        elif targets:
            from trainui.tui.actions.edit_screen import EditScreen

            self._ask(EditScreen(targets[0], stage))

    def action_cancel(self) -> None:
        """Ask whether the stage, or the run, is to be cancelled."""
        targets = self._targets()
        if len(targets) > 1:
            self._cancel_several(targets)
        elif targets and targets[0].status not in UNFINISHED:
            target = targets[0]
            self._say(f"{harmless(target.name)} is {target.status}: nothing runs to cancel")
        elif targets:
            from trainui.tui.actions.confirmations import cancel_question

            self._ask(cancel_question(targets[0], self.target_stages()))

    def _cancel_several(self, targets: list[Target]) -> None:
        if not any(target.status in UNFINISHED for target in targets):
            self._say(f"all {len(targets)} marked runs are over: nothing runs to cancel")
            return
        from trainui.tui.actions.bulk import cancel_runs_question

        self._ask(cancel_runs_question(targets))

    def action_remove(self) -> None:
        """Ask whether the run, or every marked one, is to be deleted with its files."""
        if not (targets := self._targets()):
            return
        if all(target.status in UNFINISHED for target in targets):
            first = f"{harmless(targets[0].name)} is {targets[0].status}"
            which = first if len(targets) == 1 else f"none of the {len(targets)} is over"
            self._say(f"{which}; cancel it with x before it can be deleted")
            return
        from trainui.tui.actions.bulk import remove_question

        self._ask(remove_question(targets))

    def _ask(self, question: Screen[bool]) -> None:
        """Ask, and clear the marks once it is answered with yes."""

        def then(done: bool | None) -> None:
            if done:
                self.acted()

        self.app.push_screen(question, then)

    def action_raise(self) -> None:
        """Let the run go before others."""
        self._change_priority(1)

    def action_lower(self) -> None:
        """Let the run go after others."""
        self._change_priority(-1)

    def _change_priority(self, change: int) -> None:
        if not (targets := self._targets()):
            return
        waiting = [target for target in targets if target.status in UNFINISHED]
        if not waiting:
            first = f"{harmless(targets[0].name)} is {targets[0].status}"
            self._say(f"{first if len(targets) == 1 else 'all are over'}: it waits for nothing")
            return

        def work() -> str:
            from trainui import control

            told = [
                f"{target.label} is {control.change_priority(target.id, change):+d}"
                for target in waiting
            ]
            return f"priority of {listed(told)}"

        cast("TrainuiApp", self.app).act(work)

    def action_copy(self) -> None:
        """Copy a report through the terminal."""
        if (report := self.report()) is not None:
            self._copy(report)
        elif targets := self._targets():
            work = partial(self._copy_runs, [target.id for target in targets])
            self.run_worker(work, thread=True, exit_on_error=False)

    def _copy_runs(self, run_ids: Sequence[str]) -> None:
        from trainui.report import of_runs

        try:
            report = of_runs(run_ids)
        except (TrainuiError, sqlite3.Error) as error:
            self.app.call_from_thread(self._say, harmless(f"nothing was copied: {error}"))
        else:
            self.app.call_from_thread(self._copy, report)

    def _copy(self, report: str) -> None:
        self.app.copy_to_clipboard(report)
        self._say("copied as Markdown, if the terminal allows it (OSC 52)")

    def _say(self, text: str) -> None:
        self.app.notify(text, markup=False)


def listed(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names in a row, a long row cut."""
    shown = ", ".join(harmless(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
