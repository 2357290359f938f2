"""The page that previews a resume: each stage with its action and reason.

If the run's file was edited, the plan uses the edited file and shows the difference; a key toggles
this. Other keys keep a stage, restart it, or run only up to it, and the plan is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.text import harmless
from trainui.tui.actions.plan_request import PlanRequest, StageChoices, make_offer
from trainui.tui.actions.plan_rows import PlanLine, diff_rows, plan_lines, plan_summary, saved
from trainui.tui.actions.target import Target, listed
from trainui.tui.host import host_of
from trainui.tui.keymap import bindings
from trainui.tui.render.styled_text import Row, Segment, wrap
from trainui.tui.widgets.bars import Bar, KeyBar
from trainui.tui.widgets.list_view import CursorView

if TYPE_CHECKING:
    from trainui.control.edits.inline_edit import InlineEdit


class PlanView(CursorView):
    """The plan's lines, with a cursor on stages; without stages the lines scroll."""

    DEFAULT_CSS = "PlanView { padding: 1 1; height: 1fr; }"

    def __init__(self) -> None:
        super().__init__(id="plan")
        self._lines: list[PlanLine] = []

    @property
    def stage(self) -> PlannedStage | None:
        """The stage under the cursor."""
        return self._lines[self.cursor].stage if 0 <= self.cursor < len(self._lines) else None

    def set_lines(self, lines: Sequence[PlanLine]) -> None:
        """Show these lines and keep the cursor on its stage."""
        stage = self.stage
        self._lines = list(lines)
        places = {line.stage.name: at for at, line in enumerate(lines) if line.stage is not None}
        acting = (
            at for at, one in enumerate(lines) if one.stage and one.stage.action != Action.SKIP
        )
        first = next(acting, next(iter(places.values()), -1))
        self.update_rows()
        self.move_cursor(places.get(stage.name, first) if stage else first, post=False)

    def row_count(self) -> int:
        """Return how many lines there are."""
        return len(self._lines)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (they were made for the width)
        """Return a line."""
        return self._lines[index].row

    def selectable(self, index: int) -> bool:
        """Return True if a stage's entry starts on the line."""
        return self._lines[index].stage is not None

    def action_line(self, count: int) -> None:
        """Move by stages; past the last one scroll, since the diff is below."""
        before = self.cursor
        super().action_line(count)
        if self.cursor == before:
            self.scroll_to(y=self.scroll_offset.y + count, animate=False)


class PlanScreen(Screen[bool]):
    """Shows the plan, takes options for stages, and resumes; its result is True if it did."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plan", "app.leave")]

    def __init__(self, target: Target, alteration: InlineEdit | None = None) -> None:
        """Create the page.

        Args:
            target: the run.
            alteration: an inline edit of its pipeline; None: none.
        """
        super().__init__()
        self._target = target
        self._alteration = alteration
        self._offer: PlanRequest | None = None
        self._wishes = StageChoices()
        self._edited = True
        """True if the plan uses the run's file if that was edited."""

    def compose(self) -> ComposeResult:
        """Make the plan."""
        yield Bar(id="top")
        yield PlanView()
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Make the plan, in a thread since it reads checkpoints."""
        self._show([((Segment(" checking stages and checkpoints…", "dim"),))])
        self.query_one(PlanView).focus()
        self._show_keys("plan.leave")
        self._plan()

    def _show_top(self, state: str) -> None:
        wishes = self._wishes.words
        spans = [Segment(" Resume ", "title"), Segment(self._target.label, "strong")]
        spans += [Segment(f"  {state}", "dim"), Segment(f"  {wishes}" if wishes else "", "accent")]
        self.query_one("#top", Bar).show(tuple(spans))

    def _plan(self) -> None:
        self._show_top("planning…")
        wishes, edited, run_id = self._wishes, self._edited, self._target.id

        def work() -> None:
            from trainui.errors import PipelineFileError

            try:
                from trainui.execution.attempt import lost_attempts

                lost_attempts.record([run_id])
                found = make_offer(run_id, wishes, edited=edited, alteration=self._alteration)
            except PipelineFileError as error:
                self.app.call_from_thread(self._show_problems, str(error))
            except Exception as error:
                self.app.call_from_thread(self._show_error, str(error))
            else:
                self.app.call_from_thread(self._show_offer, found, edited)

        self.run_worker(work, thread=True, exit_on_error=False)

    def _show_error(self, text: str) -> None:
        """Show why no plan could be made; an earlier plan stays, without the last option."""
        if self._offer is not None:
            self._wishes = self._offer.wishes
            self._show_top("Preview: nothing has started")
            self.notify(harmless(text), severity="warning", markup=False)
            return
        self._show_top("nothing has started")
        self._show([(Segment(" ✗ no plan can be made", "bad"),), (), *self._wrapped(text)])

    def _show_problems(self, text: str) -> None:
        self._offer = None
        self._show_top("nothing has started")
        what, advice = (
            "the run's file has changed since the run, and has problems",
            ("fix them and press r again, or press f to resume with the pipeline as submitted"),
        )
        if self._alteration is not None:
            what, advice = (
                "your edit has problems",
                "esc goes back to the edit; nothing was changed",
            )
            self._show_keys("plan.leave")
        else:
            self._show_keys("plan.file", "plan.leave")
        rows: list[Row] = [(Segment(f" ✗ {what}", "bad"),)]
        self._show([*rows, (), *self._wrapped(text), (), *self._wrapped(advice)])

    def _wrapped(self, text: str, style: str = "") -> list[Row]:
        room = max(self.size.width - 3, 10)
        lines = [piece for line in text.splitlines() for piece in wrap(harmless(line), room)]
        return [(Segment(f" {line}", style),) for line in lines]

    def _show_offer(self, offer: PlanRequest, edited: bool) -> None:
        if (offer.wishes, edited) != (self._wishes, self._edited):
            return  # outdated: made before the last option; a new plan is being made
        self._offer = offer
        self._show_top("Preview: nothing has started")
        self._draw(offer)
        keys = ["plan.choose"] if offer.revives else []
        keys += ["plan.file"] if offer.file is not None else []
        self._show_keys(*keys, "plan.keep", "plan.fresh", "plan.until", "plan.leave")

    def _draw(self, offer: PlanRequest) -> None:
        width = self.size.width - 2
        rows: list[Row] = [(), *self._wrapped(plan_summary(offer.stages), "strong")]
        rows += self._wrapped(saved(offer.stages), "good")
        rows += self._wrapped(offer.code, "warn")
        if offer.alteration is not None:
            rows += [(), *self._wrapped("With your edits:", "warn")]
        elif offer.pipeline is not None:
            edited = f"{offer.file} has changed since this run. Plan with the new version:"
            rows += [(), *self._wrapped(edited, "warn")]
        elif offer.file is not None:
            rows += [
                (),
                *self._wrapped(f"Plan as submitted, without the changes in {offer.file}", "warn"),
            ]
        rows += diff_rows(offer.diff, width)
        lines = [*plan_lines(offer.stages, width), *map(PlanLine, rows)]
        self.query_one(PlanView).set_lines(lines)

    def on_resize(self) -> None:
        """Wrap everything for the new width."""
        if self._offer is not None:
            self._draw(self._offer)

    def _show(self, rows: Sequence[Row]) -> None:
        self.query_one(PlanView).set_lines([PlanLine(row) for row in rows])

    def _show_keys(self, *ids: str) -> None:
        table = host_of(self).keys
        self.query_one(KeyBar).show([table.find(key_id) for key_id in ids])

    def action_wish(self, kind: str) -> None:
        """Switch an option of the stage under the cursor on or off, and plan again."""
        stage = self.query_one(PlanView).stage
        if self._offer is None or stage is None:
            self.notify("no plan yet; wait a moment", markup=False)
            return
        self._wishes = self._wishes.toggled(kind, stage.name)
        self._plan()

    def action_other_file(self) -> None:
        """Plan with the edited file, or with the pipeline as submitted."""
        if self._alteration is not None or (self._offer is not None and self._offer.file is None):
            self.notify("the run's file has not changed", markup=False)
            return
        self._edited = not self._edited
        self._offer = None
        self._plan()

    def action_choose(self) -> None:
        """Resume, if any stage would run."""
        offer = self._offer
        if offer is None or offer.wishes != self._wishes:
            self.notify("the plan is not ready yet", markup=False)
            return
        if not offer.revives:
            self.notify("nothing to resume", markup=False)
            return
        run_id = self._target.id

        def work() -> str:
            from trainui import control

            revived = control.resume(
                run_id,
                pipeline=offer.pipeline,
                alteration=offer.alteration,
                **offer.wishes.arguments,
            )
            return f"resumed: {listed(revived)}" if revived else "already resumed"

        self.dismiss(True)
        host_of(self).act(work, starts=True)

    def action_leave_it(self) -> None:
        """Close without resuming."""
        self.dismiss(False)
