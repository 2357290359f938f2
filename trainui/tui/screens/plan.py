"""The plan of a resume, before anything is done: each stage, what happens to it, and why.

Where the run's file was edited the plan is of the file as it is now, and shows what was edited;
a key leaves it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from trainui.tui.spans import Row, Span, fit, wrap
from trainui.tui.widgets.bars import Bar, KeyBar
from trainui.tui.widgets.lines import RowsView

if TYPE_CHECKING:
    from trainui.domain.definition import Pipeline
    from trainui.tui.application import TrainuiApp

_SYMBOLS = {Action.SKIP: "–", Action.RUN: "▶", Action.CONTINUE: "↻"}
_STYLES = {Action.SKIP: "dim", Action.RUN: "accent", Action.CONTINUE: "good"}
_DIFF_STYLES = {"+": "good", "-": "bad", "@": "accent"}

TIME = 9
"""Cells of how long it takes."""

LEAST_ROOM = 44
"""Cells below which the reasons stand on lines of their own."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan, and what it was made with."""

    stages: list[PlannedStage]
    pipeline: Pipeline | None = None
    """The edited file's; None: the run's own."""
    file: str | None = None
    """The run's file, where it was edited."""
    diff: str = ""
    code: str = ""
    """How the code differs from what was submitted, in words."""

    @property
    def revives(self) -> bool:
        """Whether there is anything to do."""
        return any(one.action != Action.SKIP for one in self.stages)


def make_offer(run_id: str, *, edited: bool) -> Offer:
    """Make a plan: of the run's file as it is now, where it was edited, or of the run's own.

    Raises:
        PipelineFileError: the edited file has problems.
    """
    from trainui import control
    from trainui.control import edits, known

    run = known.run_of(run_id)
    code = control.since_submission(run)
    found = edits.edited_file(run)
    if found is None:
        return Offer(control.plan_resume(run_id), code=code)
    if not edited:
        return Offer(control.plan_resume(run_id), file=found.file, code=code)
    pipeline = edits.load(found.file, run)
    if edits.says_the_same(pipeline, run):
        return Offer(control.plan_resume(run_id), code=code)
    diff = edits.diff(run, pipeline, found.file)
    stages = control.plan_resume(run_id, pipeline=pipeline)
    return Offer(stages, pipeline, found.file, diff, code)


def plan_rows(plan: Sequence[PlannedStage], width: int) -> list[Row]:
    """Return the plan as lines, the reasons wrapped."""
    longest = max((len(harmless(one.name)) for one in plan), default=0)
    beside = width - 13 - TIME - 4
    inline = beside - longest >= LEAST_ROOM
    name = max(longest, 8) if inline else max(beside, 10)
    at = 13 + name + TIME + 4 if inline else 6
    heading = f"   {'':<10}{fit('STAGE', name)}  {fit('TIME', TIME, right=True)}"
    rows: list[Row] = [(Span(heading + "  WHY" * inline, "dim"),)]
    for one in plan:
        dim = "dim" if one.action == Action.SKIP else ""
        first = [
            Span(f" {_SYMBOLS[one.action]} {one.action:<10}", _STYLES[one.action]),
            Span(fit(harmless(one.name), name), dim),
            Span(f"  {fit(_time(one), TIME, right=True)}  ", "dim"),
        ]
        pieces = wrap(harmless(_why(one)), max(width - at - 1, 10))
        if inline:
            first.append(Span(pieces.pop(0), dim))
        rows.append(tuple(first))
        rows += [(Span(" " * at + piece, dim),) for piece in pieces]
    return rows


def _why(one: PlannedStage) -> str:
    if one.checkpoint is None:
        anew = one.fresh and one.action == Action.RUN
        return f"{one.reason}; in a new directory" if anew else one.reason
    reached = f" at step {step(one.step)}" if one.step is not None else ""
    return f"{one.reason}; from {Path(one.checkpoint).name}{reached}"


def _time(one: PlannedStage) -> str:
    if one.seconds is None:
        return ""
    duration = format_duration(one.seconds)
    return duration if one.action == Action.SKIP else f"~{duration}"


def diff_rows(diff: str, width: int) -> list[Row]:
    """Return a unified diff as lines, long ones wrapped."""
    rows: list[Row] = []
    for line in diff.splitlines():
        style = _DIFF_STYLES.get(line[:1], "dim")
        rows += [(Span(f" {piece}", style),) for piece in wrap(harmless(line), max(width - 3, 10))]
    return rows


class PlanScreen(Screen[None]):
    """Shows the plan; `y` or enter resumes, `f` takes the edited file or not, esc leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("ask"),
        Binding("y,r", "choose", "resume", show=False),
        Binding("f", "other_file", "file", show=False),
        Binding("pagedown,ctrl+d", "line(10)", show=False),
        Binding("pageup,ctrl+u", "line(-10)", show=False),
    ]

    DEFAULT_CSS = """
    PlanScreen {
        #plan { padding: 1 1; height: 1fr; }
    }
    """

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._offer: Offer | None = None
        self._edited = True
        """Whether the run's file is taken as it is now."""

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
        from trainui.errors import PipelineFileError

        try:
            from trainui.execution import vanished

            vanished.record([self._target.id])
            offer = make_offer(self._target.id, edited=self._edited)
        except PipelineFileError as error:
            self.app.call_from_thread(self._show_problems, str(error))
        except Exception as error:
            self.app.call_from_thread(self._show_error, str(error))
        else:
            self.app.call_from_thread(self._show_offer, offer)

    def _show_error(self, text: str) -> None:
        self._show([(Span(" ✗ no plan can be made", "bad"),), (), *self._wrapped(text)])

    def _show_problems(self, text: str) -> None:
        self._show_keys("leave it", file="as submitted")
        advice = "mend them and press r again, or f: resume with the pipeline as submitted"
        rows: list[Row] = [(Span(" ✗ the run's file was edited since, and has problems", "bad"),)]
        self._show([*rows, (), *self._wrapped(text), (), *self._wrapped(advice)])

    def _wrapped(self, text: str, style: str = "") -> list[Row]:
        room = max(self.size.width - 3, 10)
        lines = [piece for line in text.splitlines() for piece in wrap(harmless(line), room)]
        return [(Span(f" {line}", style),) for line in lines]

    def _show_offer(self, offer: Offer) -> None:
        self._offer = offer if offer.revives else None
        width = self.size.width
        rows = plan_rows(offer.stages, width)
        rows += [(), *self._wrapped(plan_summary(offer.stages), "strong")]
        rows += self._wrapped(_saved(offer.stages), "good")
        rows += self._wrapped(offer.code, "warn")
        file = ""
        if offer.pipeline is not None:
            file = "as submitted"
            edited = f"{offer.file} was edited since; this is the plan with it as it is now:"
            rows += [(), *self._wrapped(edited, "warn"), *diff_rows(offer.diff, width)]
        elif offer.file is not None:
            file = "edited file"
            rows += [(), *self._wrapped(f"without the edits of {offer.file}", "warn")]
        self._show_keys("leave it", "resume" if offer.revives else "", file)
        self._show(rows)

    def _show(self, rows: list[Row]) -> None:
        self.query_one("#plan", RowsView).set_rows(rows)

    def _show_keys(self, leave: str, choose: str = "", file: str = "") -> None:
        keys = [Key("ask.choose", "y", choose, "", "choose")] if choose else []
        keys += [Key("ask.file", "f", file, "", "other_file")] if file else []
        keys += [Key("ask.leave", "escape", leave, "", "leave_it")]
        self.query_one(KeyBar).show(keys)

    def action_other_file(self) -> None:
        """Make the plan with the edited file, or without it."""
        self._edited = not self._edited
        self._offer = None
        self.run_worker(self._make_plan, thread=True, exit_on_error=False)

    def action_choose(self) -> None:
        """Resume, if there is anything to resume."""
        if self._offer is None:
            self.notify("there is nothing to resume", markup=False)
            return
        run_id, pipeline = self._target.id, self._offer.pipeline

        def work() -> str:
            from trainui import control

            revived = control.resume(run_id, pipeline=pipeline)
            return f"resumed: {listed(revived)}" if revived else "it was resumed already"

        self.dismiss()
        cast("TrainuiApp", self.app).act(work, starts=True)

    def action_leave_it(self) -> None:
        """Leave everything as it is."""
        self.dismiss()

    def action_line(self, count: int) -> None:
        """Scroll."""
        self.query_one("#plan", RowsView).action_line(count)


def plan_summary(stages: Sequence[PlannedStage]) -> str:
    """Return in words how many stages run, continue and are skipped."""
    count = {action: sum(one.action == action for one in stages) for action in Action}
    if count[Action.SKIP] == len(stages):
        return "There is nothing to resume."
    words = ((Action.RUN, "to run"), (Action.CONTINUE, "to continue"), (Action.SKIP, "skipped"))
    return ", ".join(f"{count[action]} {word}" for action, word in words if count[action])


def _saved(stages: Sequence[PlannedStage]) -> str:
    saved = sum(one.gpu_seconds_saved for one in stages)
    return f"GPU time that is not spent again: {format_duration(saved)}" if saved else ""
