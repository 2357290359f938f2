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

    def target_stage(self) -> StageRecord | None:
        """Return the stage to act on; None where no stage is chosen."""
        return None

    def report(self) -> str:
        """Return what `Y` copies, as Markdown."""
        raise NotImplementedError

    def _target(self) -> Target | None:
        target = self.target()
        if target is None:
            self.app.notify("there is no run here to act on", severity="warning")
        return target

    def action_resume(self) -> None:
        """Show the plan of a resume."""
        target = self._target()
        if target is not None:
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

            self.app.push_screen(rerun_question(target, stage))

    def action_cancel(self) -> None:
        """Ask whether the stage, or the run, is to be cancelled."""
        target, stage = self._target(), self.target_stage()
        if target is None:
            return
        if target.status not in UNFINISHED:
            self._say(f"{harmless(target.name)} is {target.status}: nothing runs to cancel")
            return
        from trainui.tui.questions import cancel_question

        self.app.push_screen(cancel_question(target, stage))

    def action_raise(self) -> None:
        """Let the run go before others."""
        self._change_priority(1)

    def action_lower(self) -> None:
        """Let the run go after others."""
        self._change_priority(-1)

    def _change_priority(self, change: int) -> None:
        target = self._target()
        if target is None:
            return
        if target.status not in UNFINISHED:
            self._say(f"{harmless(target.name)} is {target.status}: it waits for nothing")
            return
        run_id, priority = target.id, target.priority + change

        def work() -> str:
            from trainui import control

            control.set_priority(run_id, priority)
            return f"priority of {harmless(target.name)} is {priority:+d}"

        cast("TrainuiApp", self.app).act(work)

    def action_copy(self) -> None:
        """Copy a summary through the terminal."""
        if self._target() is not None:
            self.app.copy_to_clipboard(self.report())
            self._say("copied as Markdown, if the terminal allows it (OSC 52)")

    def _say(self, text: str) -> None:
        self.app.notify(text, markup=False)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Return names in a row, a long row cut."""
    shown = ", ".join(harmless(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
