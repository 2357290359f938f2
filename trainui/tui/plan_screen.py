"""The pages of a resume: its plan, each stage with action and reason, and the edits before it.

If the run's file was edited, the plan uses the edited file and shows the difference; a key toggles
this. Other keys keep a stage, restart it, or run only up to it, and the plan is made again. Edits
change nothing: they are shown as a plan first.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, Label

from trainui.errors import PipelineFileError, PlanChangedError, TrainuiError
from trainui.model.records import StageRecord
from trainui.pipeline.rules import resume_plan
from trainui.pipeline.rules.resume_plan import (
    Action,
    PlannedStage,
    StageOptions,
    difference,
    saved,
    summary,
    waiting,
)
from trainui.resume.edits import Suggestion
from trainui.text import harmless
from trainui.tui import run_actions
from trainui.tui.app_interface import Target, app_of, is_here, listed, run_label
from trainui.tui.keymap import bindings
from trainui.tui.line_view import RowsView, TextView
from trainui.tui.run_actions import Editable, PlanRequest, ShownPlan
from trainui.tui.styled_text import (
    Row,
    Segment,
    cut_label,
    diff_rows,
    fit,
    shared_out,
    text_rows,
    width_of,
    wrap,
)
from trainui.tui.terminal import PromptDrawing
from trainui.tui.widgets import Bar, Entry, EntryView, KeyBar

if TYPE_CHECKING:
    from trainui.resume.edits import InlineEdit, Value

_SYMBOLS = {Action.SKIP: "–", Action.RUN: "▶", Action.CONTINUE: "↻"}
_STYLES = {Action.SKIP: "dim", Action.RUN: "accent", Action.CONTINUE: "good"}
_EDITED = re.compile(r"[+-](?!\+\+ |-- )")
"""The beginning of an edited line in a unified diff."""

TIME, LEAST_ROOM = 9, 44
"""Widths in cells of the durations, and the least of long reasons, which else have own lines."""

LEAST_NAME = 20
"""Characters of the run's name that matter more than the end of the top bar."""

LEAST_LABEL = 26
"""The least width of the parameters' names in cells; they may take a third of the terminal."""

TITLE_ROOM = 20
"""Cells of the run's and the stage's names that matter more than the end of the top bar."""

_SCOPES = {"stage": "stage ", "matrix": "matrix ", "search": "search ", "choices": "search "}


def plan_lines(plan: Sequence[PlannedStage], width: int) -> list[Entry[str]]:
    """Return the plan as lines, with the reasons wrapped; each stage's first one has its name."""
    longest = max((len(harmless(one.name)) for one in plan), default=0)
    beside = width - 13 - TIME - 4
    reasons = [harmless(resume_plan.explanation(one)) for one in plan]
    reason = max(map(cell_len, reasons), default=0)
    inline = beside - max(longest, 8) > min(reason, LEAST_ROOM)
    name = max(longest, 8) if inline else max(beside, 10)
    at = 13 + name + TIME + 4 if inline else 6
    heading = f"   {'':<10}{fit('STAGE', name)}  {fit('TIME', TIME, right=True)}"
    lines: list[Entry[str]] = [Entry((Segment(heading + "  WHY" * inline, "dim"),))]
    for one, words in zip(plan, reasons, strict=True):
        dim = "dim" if one.action == Action.SKIP else ""
        label, pieces = harmless(one.name), wrap(words, max(width - at - 1, 10))
        if not inline and cell_len(words) <= name - longest - 2:  # beside the name there is room
            label, pieces = f"{fit(label, longest)}  {words}", []
        first = [
            Segment(f" {_SYMBOLS[one.action]} {one.action:<10}", _STYLES[one.action]),
            Segment(fit(label, name), dim),
            Segment(f"  {fit(resume_plan.duration(one), TIME, right=True)}  ", "dim"),
        ]
        if inline:
            first.append(Segment(pieces.pop(0), dim))
        lines.append(Entry(tuple(first), one.name))
        lines += [Entry((Segment(" " * at + piece, dim),)) for piece in pieces]
    return lines


def changes(before: ShownPlan, now: ShownPlan) -> list[str]:
    """Return in what two plans differ: their stages, then the lines of the edits before them."""
    old, new = (
        [line for line in plan.diff.splitlines() if _EDITED.match(line)] for plan in (before, now)
    )
    gone = [f"no longer {line}" for line in old if line not in new]
    more = [line for line in new if line not in old]
    return [*difference(before.stages, now.stages), *gone, *more]


class PlanView(EntryView[str]):
    """The plan's lines, with a cursor on the names of stages."""

    DEFAULT_CSS = "PlanView { padding: 1 1; height: 1fr; }"

    def fixed_rows(self) -> int:
        """Return 1: the headings of the columns do not scroll."""
        return 1

    def show_row(self, index: int, *, around: int = 0) -> None:
        """Scroll a stage into view, with the lines of its reason."""
        last = index
        while last + 1 < len(self.entries) and not self.selectable(last + 1):
            last += 1
        super().show_row(last, around=around)
        super().show_row(index, around=around)


class SummaryView(RowsView, can_focus=False):
    """The plan's summary; it stays in view while the stages scroll."""

    DEFAULT_CSS = "SummaryView { padding: 1 1 0 1; height: auto; max-height: 50%; }"

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows; no rows take no room."""
        self.display = bool(rows)
        super().set_rows(rows)
        self.refresh(layout=True)


class PlanScreen(Screen[bool]):
    """Shows the plan, takes options for stages, and resumes; its result is True if it did."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plan", "app.leave")]

    def __init__(
        self,
        target: Target,
        edit: InlineEdit | None = None,
        before: Mapping[str, str] | None = None,
        only: Collection[str] = (),
    ) -> None:
        """Create the page; `edit` is an inline edit of the run's pipeline.

        `before`: checkpoints from which stages continue though there are later ones, by name.
        `only`: the stages to run, with what follows them; empty: all.
        """
        super().__init__()
        self._target = target
        self._edit = edit
        self._plan: ShownPlan | None = None
        self._request = PlanRequest()
        """What the shown plan was made with."""
        self._explained = ""
        """Why there is no plan, and what to do: the title and the paragraphs shown."""
        self._options = StageOptions(before=before or {}, only=frozenset(only))
        self._is_first = True
        """True until a plan was made: the first one runs only an edited member."""
        self._as_submitted = False
        """True: the plan ignores changes of the run's file."""
        self._confirmed: ShownPlan | None = None
        """The plan that was confirmed, and was another one by then."""
        self._is_carried_out = False

    def compose(self) -> ComposeResult:
        """Make the plan."""
        yield Bar(id="top")
        yield SummaryView(id="summary")
        yield PlanView(id="plan")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Make the plan, in a thread since it reads checkpoints."""
        self._show([((Segment(" checking stages and checkpoints…", "dim"),))])
        self.query_one(PlanView).focus()
        self._show_keys("plan.leave")
        self._make_plan()

    def _show_top(self, state: str) -> None:
        title, options = Segment(" Resume ", "title"), harmless(self._options.arguments)
        behind = (Segment(f"  {state}", "dim"), Segment(f"  {options}" * bool(options), "accent"))
        room = max(self.size.width - width_of((title, *behind)), LEAST_NAME)
        name = Segment(cut_label(run_label(self._target), room), "strong")
        self.query_one("#top", Bar).show((title, name, *behind))

    def _make_plan(self) -> None:
        """Plan in a thread."""
        self._show_top("planning…")
        run_id, is_first = self._target.id, self._is_first
        request = PlanRequest(self._options, self._edit, self._as_submitted, is_first)

        def work() -> None:
            try:
                plan = app_of(self).call(run_actions.plan, run_id, request)
            except PipelineFileError as error:
                self.app.call_from_thread(self._show_problems, str(error))
            except Exception as error:
                self.app.call_from_thread(self._show_error, str(error))
            else:
                self.app.call_from_thread(self._take_plan, plan, request)

        self.run_worker(work, thread=True, exit_on_error=False)

    def _take_plan(self, plan: ShownPlan, request: PlanRequest) -> None:
        if request.only_edited:
            self._is_first = False
            if plan.member is not None:
                self._options = replace(self._options, only=frozenset({plan.member}))
                request = replace(request, options=self._options)
        if plan.problem:
            self._show_error(plan.problem, can_ignore_file=plan.is_changed and bool(plan.diff))
        else:
            self._show_plan(plan, request)

    def _show_error(self, text: str, *, can_ignore_file: bool = False) -> None:
        """Show why no plan could be made; an earlier plan stays, without the last option."""
        if self._plan is not None:
            self._options = self._request.options
            self._show_top("Preview: nothing has started")
            self.notify(harmless(text), severity="warning")
            return
        if can_ignore_file:
            self._show_keys("plan.file", "plan.leave")
        self._explain(f"no plan can be made\n\n{text}")

    def _show_problems(self, text: str) -> None:
        self._plan = None
        if self._edit is not None:
            self._show_keys("plan.leave")
            advice = "esc goes back to the edit; nothing was changed"
            self._explain(f"your edit has problems\n\n{text}\n\n{advice}")
        else:
            self._show_keys("plan.file", "plan.leave")
            what = "the run's file has changed since the run, and has problems"
            how = "fix them, then press esc and r; or f to resume with the pipeline as submitted"
            self._explain(f"{what}\n\n{text}\n\n{how}")

    def _explain(self, text: str) -> None:
        """Show a title and below it why there is no plan, and what to do."""
        self._explained = text
        self._show_top("nothing has started")
        title, _, rest = text.partition("\n")
        self._show([(Segment(f" ✗ {title}", "bad"),), *self._wrapped(rest)])

    def _wrapped(self, text: str, style: str = "") -> list[Row]:
        return text_rows(text, max(self.size.width - 3, 10), style, " ")

    def _show_plan(self, plan: ShownPlan, request: PlanRequest) -> None:
        if (request.options, request.as_submitted) != (self._options, self._as_submitted):
            return  # outdated: made before the last option; a new plan is being made
        self._plan, self._request = plan, request
        self._draw(plan)
        keys = ["plan.choose"] * bool(plan.revives or plan.diff)
        keys += ["plan.file"] * plan.is_changed
        self._show_keys(*keys, "plan.keep", "plan.fresh", "plan.until", "plan.leave")

    def _draw(self, plan: ShownPlan) -> None:
        is_outdated = self._request.options != self._options
        self._show_top("planning…" if is_outdated else "Preview: nothing has started")
        width = self.size.width - 2
        self.query_one(SummaryView).set_rows(self._summary(plan))
        diff = diff_rows(plan.diff, width)
        first = next((one.name for one in plan.stages if one.action != Action.SKIP), None)
        lines = [*plan_lines(plan.stages, width), *map(Entry, [(), *diff] if diff else ())]
        self.query_one(PlanView).set_entries(lines, first)

    def _summary(self, plan: ShownPlan) -> list[Row]:
        rows = []
        if self._confirmed is not None and (found := changes(self._confirmed, plan)):
            rows = self._wrapped("The plan has changed since you read it; nothing ran:", "warn")
            rows += [row for line in found for row in self._wrapped(f"  {line}", "warn")]
        rows += self._wrapped(summary(plan.stages), "strong")
        rows += self._wrapped(saved(plan.stages), "good")
        if plan.diff and not plan.revives:
            rows += self._wrapped("the edits apply to stages that have not started yet")
        rows += self._wrapped(waiting(plan.stages), "warn")
        rows += self._wrapped(plan.code, "warn")
        return rows + self._wrapped(plan.heading, "warn")

    def on_resize(self) -> None:
        """Wrap everything for the new width."""
        if self._plan is not None:
            self._draw(self._plan)
        elif self._explained:
            self._explain(self._explained)

    def _show(self, rows: Sequence[Row]) -> None:
        self.query_one(SummaryView).set_rows(())
        self.query_one(PlanView).set_entries([*map(Entry, rows)])

    def _show_keys(self, *ids: str) -> None:
        keys = [app_of(self).keys.find(key_id) for key_id in ids]
        labels = {"plan.file": "with the edits" if self._as_submitted else "without the edits"}
        if self._plan is not None and not self._plan.revives:
            labels["plan.choose"] = "apply the edits"
        keys = [key._replace(label=labels.get(key.id, key.label)) for key in keys]
        self.query_one(KeyBar).show(keys)

    def action_toggle_option(self, option: str) -> None:
        """Switch an option of the stage under the cursor on or off, and plan again."""
        stage = self.query_one(PlanView).selected
        if self._plan is None or stage is None:
            self.notify("the plan is not ready yet")
            return
        self._options, self._confirmed = self._options.toggled(option, stage), None
        self._make_plan()

    def action_other_file(self) -> None:
        """Plan with the edited file, or with the pipeline as submitted."""
        plan = self._plan
        if self._edit is not None or (plan is not None and not plan.is_changed):
            self.notify("the run's file has not changed")
            return
        self._as_submitted = not self._as_submitted
        self._plan = self._confirmed = None
        self._make_plan()

    def action_choose(self) -> None:
        """Resume, if any stage would run, or apply the edits to those that wait."""
        plan = self._plan
        if plan is None or self._request.options != self._options:
            self.notify("the plan is not ready yet")
            return
        if not plan.revives and not plan.diff:
            self.notify("nothing to resume")
            return
        if self._is_carried_out:
            return
        self._is_carried_out = not app_of(self).read_only
        run_id, request = self._target.id, self._request

        def work() -> str:
            try:
                revived = app_of(self).call(run_actions.carry_out, run_id, request, plan)
            except Exception as error:
                shown = plan if isinstance(error, PlanChangedError) else None
                self.app.call_from_thread(self._plan_again, shown)
                raise
            if not plan.revives:
                return "edited; stages that have not started yet use the edits"
            return f"resumed: {listed(revived)}" if revived else "already resumed"

        app_of(self).act(work, starts=is_here(self._target), then=lambda: self.dismiss(True))

    def _plan_again(self, confirmed: ShownPlan | None) -> None:
        """Show the plan as it is now, with its difference from the one that was confirmed."""
        self._confirmed, self._is_carried_out = confirmed, False
        self._make_plan()


NO_SUGGESTION = "No edit is prepared for this stage's last attempt."


class EditScreen(Screen[bool]):
    """Plans a resume with edited values; its result is True if the run was resumed."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("edit", "app.interrupt")]

    DEFAULT_CSS = """
    EditScreen {
        #note { height: auto; padding: 1 1; }
        #values { height: 1fr; padding: 0 1; }
        #values Horizontal { height: 1; }
        #values Label { width: auto; color: $dim; }
        #values Label.-edited { color: $warning; text-style: bold; }
        #values Input {
            width: 1fr;
            height: 1;
            border: none;
            padding: 0 1;
            background: $surface;
            &:focus { border: none; background: $row; }
        }
    }
    """

    def __init__(
        self,
        target: Target,
        stage: StageRecord | None,
        *,
        alone: bool = False,
        prepared: bool = False,
    ) -> None:
        """Create the page.

        Without a stage, only the run's values are edited. `alone`: if the stage is a member of a
        sweep, only this member is changed and run. `prepared`: the page has the values that the
        cause of the stage's failure suggests.
        """
        super().__init__()
        self.drawing = PromptDrawing(self)
        """Keys wait until there are fields: a value of which a part was lost would be planned."""
        self.drawing.is_prompt = False
        self._is_prepared = prepared
        self._suggested = Suggestion()
        self._target = target
        self._stage = stage
        is_trial = stage is not None and stage.definition.trial is not None
        is_member = alone and stage is not None and stage.definition.matrix is not None
        self._member = stage.name if stage is not None and is_member and not is_trial else None
        self._is_search = is_trial
        self._text: str | None = None
        """Of the pipeline; None: it is not read yet."""
        self._values: Sequence[Value] = ()

    def compose(self) -> ComposeResult:
        """Build the page."""
        yield Bar(id="top")
        yield TextView(id="note")
        yield VerticalScroll(id="values", can_focus=False)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Read the parameters in a thread."""
        parts = [run_label(self._target)]
        if (stage := self._stage) is not None:
            is_sweep = stage.definition.matrix is not None and self._member is None
            parts.append(harmless(stage.definition.group if is_sweep else stage.name))
        hint = Segment("  nothing is applied before the preview", "dim")
        row = [Segment(" Edit ", "title")]
        room = self.size.width - width_of((*row,)) - len(" › ")
        for name in shared_out(parts, max(room - width_of((hint,)), min(room, TITLE_ROOM))):
            row += [Segment(" › ", "dim")] * (len(row) > 1) + [Segment(name, "strong")]
        self.query_one("#top", Bar).show((*row, hint))
        self._note("reading the run's pipeline…")
        self.query_one(KeyBar).show([app_of(self).keys.find("edit.leave")])
        self.run_worker(self._read, thread=True, exit_on_error=False)

    def _read(self) -> None:
        stage, is_member = self._stage and self._stage.name, self._member is not None
        asked = self._target.id, stage, is_member, self._is_prepared
        try:
            found = app_of(self).call(run_actions.editable, *asked)
        except Exception as error:
            self.app.call_from_thread(self._note, f"this run cannot be edited: {error}", "bad")
            self.app.call_from_thread(self._take_keys)
        else:
            self.app.call_from_thread(self._show, found)

    def _take_keys(self) -> None:
        self.drawing.has_data = True
        app_of(self).release_keys()

    def _note(self, text: str, style: str = "dim") -> None:
        self.query_one(TextView).set_text(text, style)

    def _show(self, found: Editable) -> None:
        self._text, self._suggested, self._values = found.text, found.suggested, found.values
        values = found.values
        labels = [_value_label(value) for value in values]
        width = min(max(map(cell_len, labels), default=0), max(LEAST_LABEL, self.size.width // 3))
        fields = [
            Horizontal(
                Label(f"{fit(label, max(width, LEAST_LABEL))}  ", markup=False),
                Input(self._suggested.values.get(at, value.value), id=f"value-{at}"),
            )
            for at, (label, value) in enumerate(zip(labels, values, strict=True))
        ]
        self.call_later(self._begin, fields)

    async def _begin(self, fields: Sequence[Horizontal]) -> None:
        """Add the fields, focus the first one and show instructions."""
        await self.query_one("#values").mount_all(fields)
        inputs = list(self.query(Input))
        for one in inputs:
            one.cursor_blink = False
        what = ""
        if self._member is not None:
            what = "Only this member is changed and run; the others keep their values. "
        elif self._is_search:
            what = "Values of the search apply to trials that have not been asked for. "
        if self._is_prepared:
            what = f"{self._suggested.words or NO_SUGGESTION} {what}"
        if inputs:
            inputs[min(self._suggested.values, default=0)].focus()
            self._note(f"{what}Edit values, then Enter to preview. Earlier results are kept.")
        else:
            self._note("This run has no parameters. Press ctrl+e to edit its pipeline in $EDITOR.")
        names = ("plan", "next", "text", "leave") if inputs else ("text", "leave")
        self.query_one(KeyBar).show([app_of(self).keys.find(f"edit.{name}") for name in names])
        self._take_keys()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Highlight the names of edited values."""
        row = event.input.parent
        if row is not None:
            edited = event.value.strip() != self._values[_cursor_place(event.input)].value
            row.query_one(Label).set_class(edited, "-edited")

    def action_plan(self) -> None:
        """Show the plan with the current values."""
        typed = [(self._values[_cursor_place(one)], one.value.strip()) for one in self.query(Input)]
        changes = {value: text for value, text in typed if text != value.value}
        if self._text is None:
            self.notify("still loading, or see the error above")
        elif not changes:
            self.notify("nothing was edited; edit a value first")
        else:
            self._plan_with(self._text, [*changes.items()])

    on_input_submitted = action_plan

    def _plan_with(self, text: str, edited: list[tuple[Value, str]] | str) -> None:
        """Show the plan with other values, or with another text."""
        run_id, member, call = self._target.id, self._member, app_of(self).call

        def work() -> None:
            try:
                if isinstance(edited, str):
                    made = call(run_actions.edited_text, run_id, text, edited)
                else:
                    made = call(run_actions.edited_values, run_id, text, edited, member)
            except TrainuiError as error:
                self.app.call_from_thread(self.notify, harmless(str(error)), severity="warning")
            else:
                self.app.call_from_thread(self._show_plan, made)

        self.run_worker(work, thread=True, exit_on_error=False)

    def _show_plan(self, edit: InlineEdit) -> None:
        pass

        def then(done: bool | None) -> None:
            if done:
                self.dismiss(True)

        self.app.push_screen(PlanScreen(self._target, edit, self._suggested.before), then)

    def action_text(self) -> None:
        """Open the pipeline's text in an editor, and show the plan with the saved text."""
        if self._text is None:
            self.notify("still loading, or see the error above")
            return
        try:
            with self.app.suspend():
                text = _edited_in_editor(self._text)
        except SuspendNotSupported:
            self.notify("cannot open an editor here; edit the values above")
            return
        except (OSError, UnicodeDecodeError, subprocess.CalledProcessError) as error:
            self.notify(f"the editor failed: {error}", severity="warning")
            return
        if text == self._text:
            self.notify("nothing was edited")
        else:
            self._plan_with(self._text, text)


def _cursor_place(field: Input) -> int:
    """Return the index of an input field's value."""
    return int((field.id or "value-0").removeprefix("value-"))


def _value_label(value: Value) -> str:
    scope = _SCOPES.get(value.place.scope, "")
    return f"{scope}{harmless(value.place.name)}{' (-p)' if value.given else ''}"


def _edited_in_editor(text: str) -> str:
    """Open a text in $VISUAL, $EDITOR or vi; return the saved text."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="trainui-") as directory:
        file = Path(directory) / "pipeline.yaml"
        file.write_text(text, encoding="utf-8")
        subprocess.run([*shlex.split(editor), str(file)], check=True)
        return file.read_text(encoding="utf-8")
