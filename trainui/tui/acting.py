"""What a person does to runs: each key asks first where it must, acts, and says what came of it.

The writes are `trainui.control`'s, imported and called in a thread, so that the first frame and
the event loop know nothing of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from trainui.domain.states import UNFINISHED, Status
from trainui.text import harmless

if TYPE_CHECKING:
    from trainui.domain.records import StageRecord
    from trainui.tui.application import TrainuiApp
    from trainui.tui.screens.question import QuestionScreen

MOST_NAMED = 4
"""Runs or stages that are named in a row."""


@dataclass(frozen=True, slots=True)
class Target:
    """The run that keys act on."""

    id: str
    name: str
    status: Status
    priority: int


class Acting(Screen[None]):
    """Actions of the pages that show runs."""

    def target(self) -> Target | None:
        """Return the run to act on; None where there is none."""
        raise NotImplementedError

    def targets(self) -> list[Target]:
        """Return the runs to act on: several where they are marked."""
        target = self.target()
        return [] if target is None else [target]

    def acted(self) -> None:
        """Be told that marked runs are about to be acted on."""

    def target_stage(self) -> StageRecord | None:
        """Return the stage to act on; None where no stage is chosen."""
        return None

    def report(self) -> str:
        """Return what `Y` copies, as Markdown."""
        raise NotImplementedError

    def _target(self) -> Target | None:
        target = self.target()
        if target is None:
            self.say_no_run()
        return target

    def say_no_run(self) -> None:
        """Say why a key does nothing."""
        self.app.notify("there is no run here to act on", severity="warning")

    def action_resume(self) -> None:
        """Show the plan of a resume."""
        target = self._target()
        if len(targets := self.targets()) > 1:
            from trainui.tui.bulk import resume_runs_question

            self._ask(resume_runs_question(targets))
        elif target is not None:
            from trainui.tui.screens.plan import PlanScreen

            self.app.push_screen(PlanScreen(target))

    def action_rerun(self) -> None:
        """Ask whether the stage alone runs again, or with what depends on it."""
        target, stage = self._target(), self.target_stage()
        if target is None:
            return
        if stage is None:
            self._say("open the run with enter, then choose the stage that is to run again")
        elif stage.status in UNFINISHED:
            name = harmless(stage.name)
            self._say(f"{name} is {stage.status}; wait for its end, or cancel it with x")
        else:
            from trainui.tui.questions import rerun_question

            self._ask(rerun_question(target, stage))

    def action_edit(self) -> None:
        """Edit the run's values, and those of the stage, and go on with them."""
        target, stage = self._target(), self.target_stage()
        if target is None:
            return
        if len(self.targets()) > 1:
            self._say("several runs are marked; esc unmarks them, then e edits one")
        elif stage is not None and stage.status == Status.RUNNING:
            self._say(f"{harmless(stage.name)} is running; cancel it with x, then edit it")
        else:
            from trainui.tui.screens.edit import EditScreen

            self.app.push_screen(EditScreen(target, stage))

    def action_cancel(self) -> None:
        """Ask whether the stage, or the run, is to be cancelled."""
        target, stage = self._target(), self.target_stage()
        if target is None:
            return
        if len(targets := self.targets()) > 1:
            self._cancel_several(targets)
            return
        if target.status not in UNFINISHED:
            self._say(f"{harmless(target.name)} is {target.status}: nothing runs to cancel")
            return
        from trainui.tui.questions import cancel_question

        self._ask(cancel_question(target, stage))

    def _cancel_several(self, targets: list[Target]) -> None:
        if not any(target.status in UNFINISHED for target in targets):
            self._say(f"all {len(targets)} marked runs are over: nothing runs to cancel")
            return
        from trainui.tui.bulk import cancel_runs_question

        self._ask(cancel_runs_question(targets))

    def action_remove(self) -> None:
        """Ask whether the run, or every marked one, is to be deleted with its files."""
        targets = self.targets()
        if self._target() is None:
            return
        if all(target.status in UNFINISHED for target in targets):
            first = f"{harmless(targets[0].name)} is {targets[0].status}"
            which = first if len(targets) == 1 else f"none of the {len(targets)} is over"
            self._say(f"{which}; cancel it with x before it can be deleted")
            return
        from trainui.tui.bulk import remove_question

        self._ask(remove_question(targets))

    def _ask(self, question: QuestionScreen) -> None:
        """Ask, and have no run marked any more once it is answered with yes."""

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
        if self._target() is None:
            return
        targets = self.targets()
        waiting = [target for target in targets if target.status in UNFINISHED]
        if not waiting:
            first = f"{harmless(targets[0].name)} is {targets[0].status}"
            self._say(f"{first if len(targets) == 1 else 'all are over'}: it waits for nothing")
            return

        def work() -> str:
            from trainui import control

            told = [
                f"{target.name} is {control.change_priority(target.id, change):+d}"
                for target in waiting
            ]
            return f"priority of {listed(told)}"

        cast("TrainuiApp", self.app).act(work)

    def action_copy(self) -> None:
        """Copy a summary through the terminal."""
        if self._target() is not None:
            self.app.copy_to_clipboard(self.report())
            self._say("copied as Markdown, if the terminal allows it (OSC 52)")

    def _say(self, text: str) -> None:
        self.app.notify(text, markup=False)


def listed(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names in a row, a long row cut."""
    shown = ", ".join(harmless(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
