"""The plan of a resume, before anything is done: each stage, what happens to it, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainui.clock import format_duration
from trainui.pipeline.resume import Action, PlannedStage
from trainui.text import harmless
from trainui.tui.acting import Target, listed
from trainui.tui.figures import step
from trainui.tui.keys import Key, bindings
from trainui.tui.spans import Row, Span, fit
from trainui.tui.widgets.bars import Bar, KeyBar
from trainui.tui.widgets.lines import RowsView

if TYPE_CHECKING:
    from trainui.tui.application import TrainuiApp

_SYMBOLS = {Action.SKIP: "–", Action.RUN: "▶", Action.CONTINUE: "↻"}
_STYLES = {Action.SKIP: "dim", Action.RUN: "accent", Action.CONTINUE: "good"}


def plan_rows(plan: list[PlannedStage], width: int) -> list[Row]:
    """Return the plan as lines."""
    longest = max((len(harmless(one.name)) for one in plan), default=0)
    name = min(max(longest, 8), max(width // 2, 10))
    heading = f"   {'':<10}{fit('STAGE', name)}  WHY"
    rows: list[Row] = [(Span(heading, "dim"),)]
    for one in plan:
        style = _STYLES[one.action]
        why = harmless(one.reason)
        rows.append(
            (
                Span(f" {_SYMBOLS[one.action]} {one.action:<10}", style),
                Span(fit(harmless(one.name), name), "dim" if one.action == Action.SKIP else ""),
                Span(f"  {why}", "dim" if one.action == Action.SKIP else ""),
                Span(_continues(one), "good"),
                Span(_took(one), "dim"),
            )
        )
    return rows


def _continues(one: PlannedStage) -> str:
    if one.checkpoint is None:
        return "  in a new directory" if one.fresh and one.action == Action.RUN else ""
    reached = f" at step {step(one.step)}" if one.step is not None else ""
    return f"  from {harmless(Path(one.checkpoint).name)}{reached}"


def _took(one: PlannedStage) -> str:
    if one.seconds is None or one.action == Action.SKIP:
        return ""
    return f"  took {format_duration(one.seconds)} before"


class PlanScreen(Screen[None]):
    """Shows the plan; `y` or enter resumes, esc leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("ask"),
        Binding("y,r", "choose", "resume", show=False),
    ]

    DEFAULT_CSS = """
    PlanScreen {
        #plan { padding: 1 1; height: 1fr; }
    }
    """

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._plan: list[PlannedStage] | None = None

    def compose(self) -> ComposeResult:
        """Make the plan."""
        yield Bar(id="top")
        yield RowsView(id="plan")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Make the plan, in a thread since it looks at checkpoints."""
        name = harmless(self._target.name)
        self.query_one("#top", Bar).show(
            (Span(" Resume ", "title"), Span(name, "strong"), Span("  nothing is done yet", "dim"))
        )
        self._show([(Span(" looking at stages and checkpoints…", "dim"),)])
        self.query_one("#plan").focus()
        self._show_keys("leave it")
        self.run_worker(self._make_plan, thread=True, exit_on_error=False)

    def _make_plan(self) -> None:
        try:
            from trainui import control
            from trainui.execution import vanished

            vanished.record([self._target.id])
            plan = control.plan_resume(self._target.id)
        except Exception as error:
            self.app.call_from_thread(self._show_error, str(error))
        else:
            self.app.call_from_thread(self._show_plan, plan)

    def _show_error(self, text: str) -> None:
        lines: list[Row] = [(Span(" ✗ no plan can be made", "bad"),), ()]
        lines += [(Span(f" {harmless(line)}"),) for line in text.splitlines()]
        self._show(lines)

    def _show_plan(self, plan: list[PlannedStage]) -> None:
        revived = [one for one in plan if one.action != Action.SKIP]
        rows = plan_rows(plan, self.size.width)
        if revived:
            self._plan = plan
            self._show_keys("leave it", "resume")
            continued = sum(one.action == Action.CONTINUE for one in revived)
            rows += [(), (Span(f" {_summary(len(revived), continued, len(plan))}", "strong"),)]
            rows += [(Span(" y or enter resumes, esc leaves it", "dim"),)]
        else:
            rows += [(), (Span(" There is nothing to resume.", "strong"),)]
        self._show(rows)

    def _show(self, rows: list[Row]) -> None:
        self.query_one("#plan", RowsView).set_rows(rows)

    def _show_keys(self, leave: str, choose: str = "") -> None:
        keys = [Key("ask.choose", "y", choose, "", "choose")] if choose else []
        keys += [Key("ask.leave", "escape", leave, "", "leave_it")]
        self.query_one(KeyBar).show(keys)

    def action_choose(self) -> None:
        """Resume, if there is anything to resume."""
        if self._plan is None:
            self.notify("there is nothing to resume", markup=False)
            return
        run_id = self._target.id

        def work() -> str:
            from trainui import control

            revived = control.resume(run_id)
            return f"resumed: {listed(revived)}" if revived else "it was resumed already"

        self.dismiss()
        cast("TrainuiApp", self.app).act(work, starts=True)

    def action_leave_it(self) -> None:
        """Leave everything as it is."""
        self.dismiss()

    def action_line(self, count: int) -> None:
        """Scroll."""
        self.query_one("#plan", RowsView).action_line(count)


def _summary(revived: int, continued: int, total: int) -> str:
    stages = f"{revived} of {total} stages get a new attempt"
    return f"{stages}, {continued} of them from a checkpoint" if continued else stages
