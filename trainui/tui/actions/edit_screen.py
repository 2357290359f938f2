"""The page to edit a run's parameters or pipeline text before a resume.

It changes nothing: edits are shown as a resume plan first.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, Label

from trainui.errors import TrainuiError
from trainui.model.records import StageRecord
from trainui.text import harmless
from trainui.tui.actions.target import Target, label
from trainui.tui.app_interface import app_of
from trainui.tui.keymap import bindings
from trainui.tui.line_view import TextView
from trainui.tui.styled_text import Segment, fit, shared_out, width_of
from trainui.tui.widgets import Bar, KeyBar

if TYPE_CHECKING:
    from trainui.model.records import RunRecord
    from trainui.resume.edits import InlineEdit, Value

LABEL = 26
"""The least width of the parameters' names in cells; they may take a third of the terminal."""

LEAST_NAMES = 20
"""Cells of the run's and the stage's names that matter more than the end of the top bar."""


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

    def __init__(self, target: Target, stage: StageRecord | None, *, alone: bool = False) -> None:
        """Create the page.

        Without a stage, only the run's values are edited. `alone`: if the stage is a member of a
        sweep, only this member is changed and run.
        """
        super().__init__()
        self._target = target
        self._stage = stage
        is_trial = stage is not None and stage.definition.trial is not None
        is_member = alone and stage is not None and stage.definition.matrix is not None
        self._member = stage.name if stage is not None and is_member and not is_trial else None
        self._is_search = is_trial
        self._run: RunRecord | None = None
        self._text = ""
        self._values: list[Value] = []

    def compose(self) -> ComposeResult:
        """Build the page."""
        yield Bar(id="top")
        yield TextView(id="note")
        yield VerticalScroll(id="values", can_focus=False)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Read the parameters in a thread."""
        parts = [label(self._target)]
        if (stage := self._stage) is not None:
            is_sweep = stage.definition.matrix is not None and self._member is None
            parts.append(harmless(stage.definition.group if is_sweep else stage.name))
        hint = Segment("  nothing is applied before the preview", "dim")
        row = [Segment(" Edit and retry ", "title")]
        room = self.size.width - width_of((*row,)) - len(" › ")
        for name in shared_out(parts, max(room - width_of((hint,)), min(room, LEAST_NAMES))):
            row += [Segment(" › ", "dim")] * (len(row) > 1) + [Segment(name, "strong")]
        self.query_one("#top", Bar).show((*row, hint))
        self._note("reading the run's pipeline…")
        self.query_one(KeyBar).show([app_of(self).keys.find("edit.leave")])
        self.run_worker(self._read, thread=True, exit_on_error=False)

    def _read(self) -> None:
        try:
            from trainui.resume import edits, submitted

            run = submitted.run_of(self._target.id)
            text = edits.text_of(run)
            definition = self._stage.definition if self._stage is not None else None
            values = edits.values_of(run, text, definition, alone=self._member is not None)
        except Exception as error:
            self.app.call_from_thread(self._note, f"this run cannot be edited: {error}", "bad")
        else:
            self.app.call_from_thread(self._show, run, text, values)

    def _note(self, text: str, style: str = "dim") -> None:
        self.query_one(TextView).set_text(text, style)

    def _show(self, run: RunRecord, text: str, values: list[Value]) -> None:
        if self._member is not None:  # a search has one space and one number of trials
            values = [one for one in values if one.place.scope not in ("search", "choices")]
        self._run, self._text, self._values = run, text, values
        labels = [_label(value) for value in values]
        width = min(max(map(cell_len, labels), default=0), max(LABEL, self.size.width // 3))
        fields = [
            Horizontal(
                Label(f"{fit(label, max(width, LABEL))}  ", markup=False),
                Input(value.value, id=f"value-{at}"),
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
        if inputs:
            inputs[0].focus()
            self._note(f"{what}Edit values, then Enter to preview. Earlier results are kept.")
        else:
            self._note("This run has no parameters. Press ctrl+e to edit its pipeline in $EDITOR.")
        names = ("plan", "next", "text", "leave") if inputs else ("text", "leave")
        self.query_one(KeyBar).show([app_of(self).keys.find(f"edit.{name}") for name in names])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Highlight the names of edited values."""
        row = event.input.parent
        if row is not None:
            edited = event.value.strip() != self._values[_place(event.input)].value
            row.query_one(Label).set_class(edited, "-edited")

    def action_plan(self) -> None:
        """Show the plan with the current values."""
        typed = [(self._values[_place(one)], one.value.strip()) for one in self.query(Input)]
        changes = {value: text for value, text in typed if text != value.value}
        if self._run is None:
            self.notify("still loading, or see the error above")
        elif not changes:
            self.notify("nothing was edited; edit a value first")
        else:
            self._plan_with(self._run, changes)

    on_input_submitted = action_plan

    def _plan_with(self, run: RunRecord, edited: dict[Value, str] | str) -> None:
        """Show the plan with other values, or with another text."""
        text, member = self._text, self._member

        def work() -> None:
            from trainui.resume import edits

            try:
                if isinstance(edited, str):
                    made = edits.with_text(run, text, edited)
                else:
                    made = edits.with_values(run, text, edited, member)
            except TrainuiError as error:
                self.app.call_from_thread(self.notify, harmless(str(error)), severity="warning")
            else:
                self.app.call_from_thread(self._show_plan, made)

        self.run_worker(work, thread=True, exit_on_error=False)

    def _show_plan(self, edit: InlineEdit) -> None:
        from trainui.tui.actions.plan_screen import PlanScreen

        def then(done: bool | None) -> None:
            if done:
                self.dismiss(True)

        self.app.push_screen(PlanScreen(self._target, edit), then)

    def action_text(self) -> None:
        """Open the pipeline's text in an editor, and show the plan with the saved text."""
        if self._run is None:
            self.notify("still loading, or see the error above")
            return
        try:
            with self.app.suspend():
                text = _edited(self._text)
        except SuspendNotSupported:
            self.notify("cannot open an editor here; edit the values above")
            return
        except (OSError, UnicodeDecodeError, subprocess.CalledProcessError) as error:
            self.notify(f"the editor failed: {error}", severity="warning")
            return
        if text == self._text:
            self.notify("nothing was edited")
        else:
            self._plan_with(self._run, text)


def _place(field: Input) -> int:
    """Return the index of an input field's value."""
    return int((field.id or "value-0").removeprefix("value-"))


_SCOPES = {"stage": "stage ", "matrix": "matrix ", "search": "search ", "choices": "search "}


def _label(value: Value) -> str:
    scope = _SCOPES.get(value.place.scope, "")
    return f"{scope}{harmless(value.place.name)}{' (-p)' if value.given else ''}"


def _edited(text: str) -> str:
    """Open a text in $VISUAL, $EDITOR or vi; return the saved text."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="trainui-") as directory:
        file = Path(directory) / "pipeline.yaml"
        file.write_text(text, encoding="utf-8")
        subprocess.run([*shlex.split(editor), str(file)], check=True)
        return file.read_text(encoding="utf-8")
