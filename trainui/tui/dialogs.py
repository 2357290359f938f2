"""Dialogs: confirmations of actions on runs, what differs between two, and a stage's stacks.

What an action would lose is read from the store and the stages' directories, in a thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from trainui.control.boxes import BoxError
from trainui.errors import NotFoundError, TrainuiError, UsageError
from trainui.formatting import quantity, size
from trainui.model.records import StageRecord
from trainui.model.states import UNFINISHED, Status
from trainui.pipeline.rules.resume_plan import summary
from trainui.record import dataclass
from trainui.store.read.run_list import RunLine
from trainui.text import harmless, verdict
from trainui.tui import run_actions
from trainui.tui.app_interface import (
    Call,
    Target,
    app_of,
    is_here,
    listed,
    may_be_deleted,
    run_label,
)
from trainui.tui.keymap import bindings
from trainui.tui.line_view import RowsView, TextView
from trainui.tui.run_actions import PlanRequest, ShownPlan
from trainui.tui.styled_text import Row, Segment, cut_member, labelled, shared_out, told_apart, wrap
from trainui.tui.widgets import FRAME, FRAME_HEIGHT, Dialog, Entry, EntryView

MOST_FACTS = 12
"""The most lines of facts; more of them scroll."""

MOST_LISTED = 8
"""Maximum number of runs with a line each; the others are counted."""

_SIGN_STYLES = {"-": "bad", "+": "good"}
"""Styles of the two commands of a stage, by the sign before them."""

_LIBRARY_CALL = re.compile(r"/(site|dist)-packages/|/lib(64)?/python\d|\(<frozen ")

DIFFERENCE_LABEL = 13
"""Width of the first column, e.g. `parameter`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer of a confirmation."""

    key: str
    """The letter that selects it."""
    text: str
    work: Callable[[], str] | None = None
    """The action, run in a thread; returns the message to show. None: do nothing."""


class ConfirmScreen(Dialog[bool]):
    """Asks a question and runs the chosen answer's action; its result is True if one runs."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("ask", "app.leave")]

    DEFAULT_CSS = """
    ConfirmScreen {
        & > Vertical { width: 76; max-height: 90%; }
        #answers { height: auto; margin-top: 1; background: $surface; }
    }
    """

    def __init__(
        self,
        title: str,
        facts: Callable[[], list[str]],
        answers: Sequence[Choice],
        *,
        starts: bool = False,
        marked: int = 0,
    ) -> None:
        """Create the dialog.

        `facts` is called in a thread and returns lines that help to decide. Its `UsageError`,
        `NotFoundError` or `BoxError` says why it cannot be done: it is shown, and the dialog
        closes. `starts`:
        start a worker after an answer's action. `marked` is the index of the initially selected
        answer.
        """
        super().__init__()
        self._title = title
        self._facts = facts
        self._answers = answers
        self._starts = starts
        self._marked = marked

    def compose(self) -> ComposeResult:
        """Build the facts and the answers."""
        with Vertical():
            yield TextView(id="facts")
            yield EntryView[Choice](id="answers")

    def on_mount(self) -> None:
        """Show the question, and load the facts in a thread."""
        self.query_one(Vertical).border_title = Content(self._title)
        rows = ((Segment(f" {one.key} ", "key"), Segment(f" {one.text}")) for one in self._answers)
        answers = self.query_one(EntryView)
        answers.set_entries([*map(Entry, rows, self._answers)], self._answers[self._marked])
        answers.focus()
        self.query_one(TextView).set_text("loading…", "dim")
        self.run_worker(self._load_facts, thread=True, exit_on_error=False)

    def _load_facts(self) -> None:
        try:
            lines = self._facts()
        except Exception as error:  # the question can be answered without the facts
            lines = [harmless(str(error))]
            if isinstance(error, UsageError | NotFoundError | BoxError):
                self.app.call_from_thread(self._refuse, *lines)
                return
        self.app.call_from_thread(self._show_facts, lines)

    def _refuse(self, why: str) -> None:
        if self.is_current:
            self.dismiss(False)
            self.app.notify(why)

    def _show_facts(self, lines: list[str]) -> None:
        facts = self.query_one(TextView)
        facts.display = bool(lines)
        facts.set_text("\n".join(lines))

    def on_resize(self) -> None:
        """Give the facts the room that the answers leave, since these are always visible."""
        room = self.size.height * 9 // 10 - FRAME_HEIGHT - 1 - len(self._answers)
        self.query_one(TextView).styles.max_height = max(min(room, MOST_FACTS), 1)

    def on_key(self, event: events.Key) -> None:
        """Choose the answer with the typed letter."""
        for answer in self._answers:
            if event.character == answer.key:
                event.stop()
                event.prevent_default()
                self._run_answer(answer)
                return

    def action_choose(self) -> None:
        """Choose the selected answer."""
        self._run_answer(self.query_one(EntryView).selected or self._answers[-1])

    on_cursor_view_opened = action_choose

    def action_line(self, count: int) -> None:
        """Move the selection."""
        self.query_one(EntryView).action_line(count)

    def _run_answer(self, answer: Choice) -> None:
        self.dismiss(answer.work is not None)
        if answer.work is not None:
            app_of(self).act(answer.work, starts=self._starts)


Result = TypeVar("Result")


def cancel_runs_question(targets: Sequence[Target], call: Call) -> ConfirmScreen:
    """Return the confirmation for cancelling every unfinished stage of these runs."""
    unfinished = [target for target in targets if target.status in UNFINISHED]
    finished = len(targets) - len(unfinished)

    def facts() -> list[str]:
        lines = [_named(unfinished), *([f"{_runs(finished)} finished already"] if finished else [])]
        for target in unfinished:
            lines += _tried(target, lambda run_id: call(run_actions.cancel_facts, run_id, None))
        return lines

    def work() -> str:
        found, failed = _each(unfinished, lambda run_id: call(run_actions.cancel, run_id, None))
        stages = quantity(sum(map(len, found)), "stage")
        said = f"cancelling {stages} of {quantity(len(found), 'run')}..." if found else ""
        return _joined(said, *failed)

    title = f"Cancel {quantity(len(unfinished), 'run')}?"
    yes = Choice("y", "cancel every unfinished stage of these runs", work)
    return ConfirmScreen(title, facts, [yes, Choice("n", "do not cancel")], marked=1)


def remove_question(targets: Sequence[Target], call: Call) -> ConfirmScreen:
    """Return the confirmation for deleting finished runs with their files."""
    finished = [target for target in targets if may_be_deleted(target)]
    unfinished, one = len(targets) - len(finished), len(finished) == 1

    def facts() -> list[str]:
        files = [call(run_actions.on_disk, target.id) for target in finished]
        files = [one for one in files if one is not None]
        lines = [_named(finished)] * (not one)  # the title names a single one
        if unfinished:
            lines.append(f"{_runs(unfinished)} not finished and will be kept")
        if len(files) == 1:
            lines.append(f"with {harmless(files[0].directory)}")
        lines.append(f"{size(sum(one.used for one in files))} will be deleted permanently")
        if any(target.is_external for target in finished):
            kept = "of external runs only the record is deleted; the trainings' own files stay"
            lines.append(kept)
        return lines

    def work() -> str:
        found, failed = _each(finished, lambda run_id: call(run_actions.remove, run_id))
        said = f"deleted: {quantity(len(found), 'run')}" if found or not failed else ""
        return _joined(said, *failed)

    name = f"the run {run_label(finished[0])}" if one else quantity(len(finished), "run")
    it = "it" if one else "them"
    answers = [Choice("y", f"delete {it}", work), Choice("n", f"keep {it}")]
    return ConfirmScreen(f"Delete {name}?", facts, answers, marked=1)


def resume_runs_question(targets: Sequence[Target], call: Call) -> ConfirmScreen:
    """Return the confirmation for resuming these runs; those named by the plans that it shows."""
    request = PlanRequest(as_submitted=True)
    plans: dict[str, ShownPlan] = {}

    def summary_of(target: Target) -> str:
        """Plan a resume; return what it would do, or why the run cannot be resumed."""
        try:
            made: ShownPlan = call(run_actions.plan, target.id, request)
        except TrainuiError as error:
            return f"not resumed: {error}"
        plans[target.id] = made
        return f"not resumed: {made.problem}" if made.problem else summary(made.stages)

    def facts() -> list[str]:
        shown = targets[:MOST_LISTED]
        lines = [f"{run_label(one)}: {summary_of(one)}" for one in shown]
        if len(targets) > MOST_LISTED:
            lines.append(f"and {len(targets) - MOST_LISTED} more")
        how = "Each resumes with its pipeline as submitted; to use edits, resume one run alone."
        return [*lines, how]

    def resume(run_id: str) -> list[str]:
        shown = plans.get(run_id) or call(run_actions.plan, run_id, request)
        return list(call(run_actions.carry_out, run_id, request, shown))

    def work() -> str:
        found, failed = _each(targets, resume)
        resumed = sum(map(bool, found))
        said = f"resumed: {quantity(resumed, 'run')}" if resumed or not failed else ""
        nothing = len(found) - resumed
        unchanged = f"{_runs(nothing)} unchanged: nothing to do" if nothing else ""
        return _joined(said, unchanged, *failed)

    answers = [Choice("y", "resume them", work), Choice("n", "cancel")]
    here = any(map(is_here, targets))
    return ConfirmScreen(f"Resume {quantity(len(targets), 'run')}?", facts, answers, starts=here)


def _each(
    targets: Sequence[Target], act: Callable[[str], Result]
) -> tuple[list[Result], list[str]]:
    """Act on each run by its id, also after errors; return the results, and a line an error."""
    found, failed = [], []
    for target in targets:
        try:
            found.append(act(target.id))
        except TrainuiError as error:  # e.g. an external run that was not adopted
            failed.append(f"{run_label(target)}: {error}")
    return found, failed[:MOST_LISTED]


def _tried(target: Target, read: Callable[[str], list[str]]) -> list[str]:
    """Return what is read of a run; if that fails, why."""
    try:
        return read(target.id)
    except TrainuiError as error:
        return [f"{run_label(target)}: {error}"]


def _joined(*lines: str) -> str:
    return "\n".join(filter(None, lines))


def _named(targets: Sequence[Target]) -> str:
    return listed([*map(run_label, targets)], MOST_LISTED)


def _runs(count: int) -> str:
    return f"{quantity(count, 'run')} {'is' if count == 1 else 'are'}"


def verdict_question(targets: Sequence[Target], call: Call) -> ConfirmScreen:
    """Return the question for a verdict on these runs."""
    from trainui.control import requests

    def facts() -> list[str]:
        known = [(run_label(one), verdict(one.verdict)) for one in targets]
        given = [f"{name}: {word}" for name, word in known if word]
        return [_named(targets)] * (len(targets) > 1) + given[:MOST_LISTED]

    def work(word: str) -> str:
        found, failed = _each(targets, lambda run_id: call(run_actions.add_note, run_id, "", word))
        said = f"{word}: {_named(targets)}" if found else ""
        return _joined(said, *failed)

    what = run_label(targets[0]) if len(targets) == 1 else quantity(len(targets), "run")
    answers = [Choice(word[0], word, partial(work, word)) for word in requests.VERDICTS]
    return ConfirmScreen(f"Verdict on {what}", facts, [*answers, Choice("n", "none now")])


class NoteScreen(Dialog[bool]):
    """Asks for a note on runs; its result is True if one was written."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("note", "app.interrupt")]

    DEFAULT_CSS = """
    NoteScreen {
        & > Vertical { width: 76; }
        Input { border: none; height: 1; padding: 0 1; background: $row; }
        Input:focus { border: none; background: $row; }
        TextView { height: auto; max-height: 8; margin-bottom: 1; background: $surface; }
    }
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        super().__init__()
        self._targets = targets

    def compose(self) -> ComposeResult:
        """Build the newest note and the field."""
        with Vertical():
            yield TextView()
            yield Input(placeholder="what you learned from it")

    def on_mount(self) -> None:
        """Show the newest note of the run."""
        several, first = len(self._targets) > 1, self._targets[0]
        what = quantity(len(self._targets), "run") if several else run_label(first)
        box = self.query_one(Vertical)
        box.border_title = Content(f"Note on {what}")
        box.border_subtitle = Content("enter writes, esc closes")
        before = _named(self._targets) if several else f"“{first.note}”" if first.note else ""
        self.query_one(TextView).display = bool(before)
        self.query_one(TextView).set_text(before, "dim")
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()

    def action_write(self) -> None:
        """Store the note; an empty one is none."""
        text, targets, call = self.query_one(Input).value, self._targets, app_of(self).call
        if not text.strip():
            self.dismiss(False)
            return

        def work() -> str:
            from trainui.control import requests

            requests.check_note(text)
            found, failed = _each(
                targets, lambda run_id: call(run_actions.add_note, run_id, text, None)
            )
            return _joined(f"noted: {quantity(len(found), 'run')}" if found else "", *failed)

        app_of(self).act(work, then=lambda: self.dismiss(True))

    on_input_submitted = action_write


def cancel_question(
    target: Target, stages: Sequence[StageRecord], call: Call, *, has_others: bool = True
) -> ConfirmScreen:
    """Return the confirmation for cancelling what can be of these stages; none: the whole run.

    `has_others`: the run has, or may get, stages besides these.
    """
    run_id = target.id
    names = [one.name for one in stages if can_be_cancelled(one)] or None
    every = "cancel every unfinished stage"

    def cancel(which: list[str] | None) -> str:
        asked = call(run_actions.cancel, run_id, which)
        return f"cancelling {listed(asked)}..." if asked else "nothing to cancel: already finished"

    if names is None:
        title = f"Cancel the run {run_label(target)}?"
        answers = [Choice("y", every, lambda: cancel(None))]
    else:
        title = f"Cancel {named(stages)}?"
        some = f"its {len(names)} unfinished members" if len(names) > 1 else harmless(names[0])
        what = "this stage" if len(stages) == 1 else some
        answers = [Choice("y", f"cancel {what}", lambda: cancel(names))]
        if has_others:
            answers.append(Choice("a", f"{every} of the run", lambda: cancel(None)))

    def facts() -> list[str]:
        lines = call(run_actions.cancel_facts, run_id, names)
        return [*([f"of the run {run_label(target)}"] if names else []), *lines]

    answers.append(Choice("n", "do not cancel"))
    return ConfirmScreen(title, facts, answers, marked=len(answers) - 1)


def can_be_cancelled(stage: StageRecord) -> bool:
    """Return True if a stage runs, or can start now or after a resume."""
    return stage.status in (*UNFINISHED, Status.BLOCKED)


def named(stages: Sequence[StageRecord]) -> str:
    """Return the name of a stage, or of the sweep with these members."""
    first = stages[0]
    if len(stages) == 1:
        return harmless(first.name)
    return f"{harmless(first.definition.group)} ×{len(stages)}"


def rerun_question(target: Target, chosen: Sequence[StageRecord], call: Call) -> ConfirmScreen:
    """Return the confirmation for rerunning stages, alone or with their dependants."""
    run_id, names = target.id, [stage.name for stage in chosen]
    attempts = {stage.name: stage.attempt for stage in chosen}

    def facts() -> list[str]:
        return [f"of the run {run_label(target)}", *call(run_actions.rerun_facts, run_id, names)]

    def rerun(*, downstream: bool) -> str:
        return f"rerunning {listed(call(run_actions.rerun, run_id, attempts, downstream))}"

    alone = "only this stage" if len(names) == 1 else f"only its {len(names)} members"
    answers = [
        Choice("y", alone, partial(rerun, downstream=False)),
        Choice("d", "with all dependants", partial(rerun, downstream=True)),
        Choice("n", "cancel"),
    ]
    title = f"Rerun {named(chosen)}?"
    return ConfirmScreen(title, facts, answers, starts=is_here(target))


def new_run_question(target: Target, chosen: Sequence[StageRecord], call: Call) -> ConfirmScreen:
    """Return the confirmation for running an external run's stages, or all, as a new run."""
    run_id, names = target.id, [stage.name for stage in chosen]

    def work() -> str:
        new = call(run_actions.start_ours, run_id, names)
        return f"started {harmless(target.name)} as the new run {new}"

    return ConfirmScreen(
        f"Run the command of {run_label(target)} as a new run?",
        lambda: list(call(run_actions.offer_facts, run_id, names)),
        [Choice("y", "start it", work), Choice("n", "cancel")],
        starts=is_here(target),
    )


def difference_rows(lines: Sequence[str], width: int) -> list[Row]:
    """Return the lines wrapped to a width, with what they are about as labels."""
    rows: list[Row] = []
    for line in lines:
        label, text = line[:DIFFERENCE_LABEL], line[DIFFERENCE_LABEL:]
        style = _SIGN_STYLES.get(text[:1], "") if not label.strip() else ""
        pieces = (
            (Segment(piece, style),) for piece in wrap(text, max(width - DIFFERENCE_LABEL, 20))
        )
        rows += labelled(Segment(label, "dim"), pieces)
    return rows


class ReadScreen(Dialog[bool]):
    """Shows lines that a thread reads; `Y` copies them, esc or enter closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app.leave", "acting.copy"),
        ("escape,enter", "dismiss", "close"),
    ]

    DEFAULT_CSS = "ReadScreen > Vertical { width: 96%; max-width: 140; }"

    waiting = "reading…"
    none = "nothing"
    """What is shown if there are no lines."""

    def __init__(self, *names: str) -> None:
        """Create the dialog; the names are in its title."""
        super().__init__()
        self._names = names
        self._lines: list[str] | None = None

    def read(self) -> list[str]:
        """Return the lines; called in a thread."""
        raise NotImplementedError

    def heading(self, width: int) -> str:
        """Return the title that fits a width."""
        raise NotImplementedError

    def rows(self, lines: Sequence[str], width: int) -> list[Row]:
        """Return the lines, wrapped to a width."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Show what is read, and read it in a thread."""
        self.query_one(RowsView).set_rows([(Segment(self.waiting, "dim"),)])
        self.on_resize()
        self.run_worker(self._read, thread=True, exit_on_error=False)

    def _read(self) -> None:
        try:
            lines = self.read()
        except (TrainuiError, OSError) as error:
            lines = str(error).splitlines()
        self.app.call_from_thread(self._show, [harmless(line) for line in lines])

    def _show(self, lines: list[str]) -> None:
        self._lines = lines
        self.on_resize()

    def on_resize(self) -> None:
        """Fit the title and the lines to the terminal's width."""
        width = min(self.room, 140 - FRAME)
        self.show_titles(self.heading(width), "Y copies, esc closes")
        if self._lines is not None:
            self.query_one(RowsView).set_rows(
                self.rows(self._lines, width) or [(Segment(self.none),)]
            )

    def action_copy(self) -> None:
        """Copy the lines through the terminal (OSC 52)."""
        lines = self._lines or [self.none]
        self.app.copy_to_clipboard("\n".join((*self._names, *lines, "")))
        self.app.notify("copied (if the terminal supports OSC 52)")


class DifferenceScreen(ReadScreen):
    """Shows what differs between two runs, or between a run and its files."""

    waiting, none = "comparing…", "no difference"

    def __init__(self, run: RunLine, other: RunLine | None = None) -> None:
        """Create the dialog; without another run, files and shell are compared as they are now."""
        names = run_label(run), run_label(other) if other else "the files as they are now"
        super().__init__(" → ".join(names))
        self._ids = run.id, None if other is None else other.id.rpartition(":")[2]
        self._both = names

    def read(self) -> list[str]:
        """Compare the runs."""
        return list(app_of(self).call(run_actions.difference, *self._ids))

    def heading(self, width: int) -> str:
        """Name both runs."""
        room = width - len("What differs:  → ")
        names = shared_out(self._both, room)
        names = told_apart(self._both, room // 2) if len({*names}) < len({*self._both}) else names
        return f"What differs: {' → '.join(names)}"

    def rows(self, lines: Sequence[str], width: int) -> list[Row]:
        """Return the lines with what they are about as labels."""
        return difference_rows(lines, width)


class StacksScreen(ReadScreen):
    """Shows the stacks of a running stage."""

    waiting = "reading the stacks of its processes…"

    def __init__(self, run_id: str, stage: str) -> None:
        super().__init__(f"stacks of {stage}")
        self._run_id, self._stage = run_id, stage

    def read(self) -> list[str]:
        """Take the stacks, and keep them beside the logs."""
        return list(app_of(self).call(run_actions.stacks, self._run_id, self._stage))

    def heading(self, width: int) -> str:
        """Name the stage."""
        return f"Stacks of {cut_member(harmless(self._stage), width - len('Stacks of '))}"

    def rows(self, lines: Sequence[str], width: int) -> list[Row]:
        """Return the sentence first, then the processes, their threads and calls."""
        return [row for line in lines for row in _stack_rows(line, width)]


def _stack_rows(line: str, width: int) -> list[Row]:
    text = line.lstrip(" ")
    indent = " " * (len(line) - len(text))
    is_library = len(indent) > 2 and _LIBRARY_CALL.search(text) is not None
    style = "strong" if not indent else "dim" if is_library else ""
    return [(Segment(f"{indent}{piece}", style),) for piece in wrap(text, width - len(indent))] or [
        ()
    ]
