"""The base class of all pages: bars, warnings, search, the clock tick, actions on runs.

Actions call `trainui.control`, which is imported and run in a thread to keep the start fast and
the event loop free.

A warning about the installation says what is wrong and what to do. One that was hidden by the key
stays hidden until it has gone and comes again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from trainui.errors import TrainuiError
from trainui.execution.processes import NO_WORKER
from trainui.model.states import UNFINISHED, Status
from trainui.text import harmless
from trainui.tui.app_interface import (
    AppInterface,
    Target,
    app_of,
    listed,
    may_be_deleted,
    run_label,
)
from trainui.tui.keymap import Key, bindings
from trainui.tui.line_view import LinesView
from trainui.tui.snapshot import Health, ListQuery, Query, Snapshot, is_same_page
from trainui.tui.styled_text import Row, Segment, cut_end, text_rows, width_of
from trainui.tui.terminal import PromptDrawing
from trainui.tui.widgets import Bar, GpuStrip, KeyBar, SearchBar

if TYPE_CHECKING:
    from trainui.model.records import RunRecord, StageRecord
    from trainui.store.read.run_list import RunLine

GPUS = "gpus"
"""Preferences key of the number of GPUs that were shown last."""

WIDE = 100
"""Minimum width in columns for full sentences in the top bar."""

MOST_LINES = 3
"""The most lines of a warning, and of what is wrong; on a wide terminal it has one. The remedy is
always whole."""

LEAST_WORDS = 24
"""Characters of what is wrong that always stay."""


class HealthWarning(NamedTuple):
    """Something wrong with the installation."""

    key: str
    """Identifies it while its numbers change."""
    words: str
    remedy: str


def health_warnings(
    health: Health, *, external: Collection[bool], is_starting: bool
) -> Sequence[HealthWarning]:
    """Return the warnings, the worst first.

    `external` has True if an external run is unfinished, and False if another one is; without any,
    a missing worker is no trouble. `is_starting`: the worker was just asked to start.
    """
    return tuple(_each_warning(health, external, is_starting))


def _each_warning(
    health: Health, external: Collection[bool], is_starting: bool
) -> Iterator[HealthWarning]:
    trouble = "" if health.trouble == NO_WORKER and is_starting else health.trouble
    if health.low_disk is not None:
        yield HealthWarning("disk", health.low_disk, "`trainui prune` deletes old runs")
    losses = health.lost.stages.values()
    if (lost := min(losses, key=lambda one: one.is_elsewhere, default=None)) is not None:
        remedy = "" if lost.is_elsewhere else "resume the run to continue from its checkpoints"
        yield HealthWarning("lost", lost.words, remedy)
    elif trouble and (external or trouble != NO_WORKER):
        effect = "nothing new is read" if external and all(external) else "nothing new starts"
        yield HealthWarning(trouble, f"{trouble}: {effect}", health.remedy)
    if health.reader:
        yield HealthWarning("reader", f"{health.reader}: curves stand still", "nothing is lost")
    if health.broker_restart and not trouble:
        yield HealthWarning(health.broker_restart, health.broker_restart, "nothing to do")
    if health.is_upgraded:
        words = "another version of trainui was installed"
        yield HealthWarning("upgrade", words, "quit and open the screen again")
    for problem in health.away:
        yield HealthWarning(problem, problem, "")


class WarningBar(LinesView, can_focus=False):
    """The line above the keys; it takes no room without a warning."""

    DEFAULT_CSS = """
    WarningBar { height: 1; overflow: hidden; display: none; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__(id="warning")
        self.shown: HealthWarning | None = None
        self._rows: Sequence[Row] = ()
        self._after = ""
        self._key = ""

    def show_warnings(self, warnings: Sequence[HealthWarning], key: str) -> None:
        """Show the first warning, the number of further ones, and the key that hides it."""
        self.shown, self._key = next(iter(warnings), None), key
        self._after = f"  and {len(warnings) - 1} more" if len(warnings) > 1 else ""
        self.display = self.shown is not None
        self.on_resize()

    def on_resize(self) -> None:
        """Wrap the words for the width."""
        width = self.app.size.width
        self._rows = () if self.shown is None else self._wrapped(self.shown, width)
        lines = max(len(self._rows), 1)
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines
        self.update_rows()

    def _wrapped(self, warning: HealthWarning, width: int) -> Sequence[Row]:
        key = Segment(self._key, "key")
        hint = (Segment(f"{self._after}  ", "dim"), key, Segment(" hides ", "dim"))
        room = max(width - width_of(hint) - 1, 20)
        words, remedy = (
            harmless(text.replace("`", "")) for text in (warning.words, warning.remedy)
        )
        after = f"; {remedy}" if remedy else ""
        rows = text_rows(f"▲ {words}{after}", room, "warn", " ")
        while len(rows) > MOST_LINES and cell_len(words) > LEAST_WORDS:
            words = cut_end(words, cell_len(words) - 2)
            rows = text_rows(f"▲ {words}{after}", room, "warn", " ")
        return [(*rows[0], *hint), *rows[1:]]

    def row_count(self) -> int:
        """Return how many lines there are."""
        return len(self._rows)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (they were made for the width)
        """Return a line."""
        return self._rows[index]


def _state(targets: Sequence[Target], several: str) -> str:
    """Return a run's name and state; of several runs the words given."""
    (run, *others) = targets
    verb = "is" if run.status in UNFINISHED else "already"  # the state is a verb's past tense then
    return several if others else f"{harmless(run.name)} {verb} {run.status}"


def _is_search(stages: Sequence[StageRecord]) -> bool:
    """Return True for trials of a search: those to come can be edited while others run."""
    return all(one.definition.trial is not None for one in stages)


class Jump(NamedTuple):
    """A place that the command palette opens."""

    kind: str
    """`run`, `stage` or `metric`."""
    name: str
    go: Callable[[], None]


class Page(Screen[None]):
    """A screen that shows the poller's snapshots."""

    scope: ClassVar[str] = ""
    """The scope of this page's own keys."""

    ready = False
    """True once all widgets are mounted."""

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """The focused widget; overridden so that a focus change does not redraw the whole page."""

    command_scopes: ClassVar[tuple[str, ...]] = ()
    """The scopes whose keys the command palette lists."""
    has_search: ClassVar[bool] = True
    """False if nothing on it can be searched."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("acting", "search")]

    def __init__(self) -> None:
        super().__init__()
        self.drawing = PromptDrawing(self)
        self.top = Bar(id="top")
        self.gpu_strip = GpuStrip(id="gpus")
        self.warning_bar = WarningBar()
        self._warnings: Sequence[HealthWarning] = ()
        self.search_bar = SearchBar()
        self.key_bar = KeyBar(id="keys")

    def on_idle(self, event: events.Idle) -> None:
        """Defer drawing while a key's action runs."""
        if self.drawing.waits:
            event.prevent_default()

    def compose(self) -> ComposeResult:
        """Build the bars at the top, the content, the warning, the search bar and the key bar."""
        yield self.top
        yield self.gpu_strip
        yield from self.content()
        yield self.warning_bar  # below the content, nothing of which moves as it comes and goes
        yield self.search_bar
        yield self.key_bar

    def content(self) -> Iterator[Widget]:
        """Yield the widgets between the bars."""
        raise NotImplementedError

    def page_query(self) -> Query:
        """Return the query that the poller answers for this page."""
        raise NotImplementedError

    def take(self, snapshot: Snapshot) -> None:
        """Show a snapshot, including the GPU strip."""
        if snapshot.gpus:
            self.own_app.preferences.keep(GPUS, {"count": len(snapshot.gpus)})
        holders = {place: use.stage for place, use in snapshot.gpu_uses.items()}
        self.gpu_strip.show((*snapshot.gpus, *snapshot.far_gpus), holders)
        try:
            self.show(snapshot)
        except Exception:  # what a box sent fits its types, and may still mean nothing
            if not self.own_app.refuse_boxes(self.show):
                raise
        if not self.drawing.has_data and self.is_answered(snapshot.query):
            self.drawing.has_data = True
            self.own_app.release_keys()

    def is_answered(self, query: Query) -> bool:
        """Return True if a snapshot for a query has what keys act on."""
        return is_same_page(query, self.page_query())

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot, without the GPU strip."""
        raise NotImplementedError

    def tick(self) -> bool:
        """Update elapsed times; after False it is not called again until the next snapshot."""
        return False

    def touched(self) -> None:
        """Take notice of a key or a click, before it is dispatched."""

    def jumps(self) -> Iterator[Jump]:
        """Yield the places that the command palette opens: runs, and what the page adds."""
        for run in self.own_app.runs:
            yield Jump("run", run_label(run), partial(self.own_app.open_run, run.id))

    def prepare_for(self, scope: str) -> None:
        """Focus a widget that handles the keys of a scope."""

    def sought(self, pane: Widget | None) -> str:  # noqa: ARG002 (for subclasses)
        """Return a pane's current filter text, to continue editing it."""
        return ""

    def search(self, text: str, pane: Widget | None) -> None:
        """Filter or search a pane for a text; an empty text ends the search."""
        raise NotImplementedError

    def action_match(self, direction: int) -> None:
        """Go to the next (1) or the previous (-1) match in the focused pane."""
        raise NotImplementedError

    @property
    def own_app(self) -> AppInterface:
        """The app."""
        return app_of(self)

    def on_mount(self) -> None:
        """Show the latest snapshot, and update the footer whenever the focus moves."""
        self.ready = True
        count = self.own_app.preferences.get(GPUS, dict).get("count", 0)
        self.gpu_strip.expect(count if isinstance(count, int) else 0)
        self.watch(self, "focused", self.show_keys, init=True)
        if self.own_app.snapshot is not None:
            self.take(self.own_app.snapshot)

    def on_screen_resume(self) -> None:
        """Make the poller read for this page."""
        self.ask()

    def ask(self) -> None:
        """Send the poller this page's query, unless another page covers this one."""
        pages = (screen for screen in reversed(self.app.screen_stack) if isinstance(screen, Page))
        if next(pages, None) is self:
            self.own_app.set_query(self.page_query())

    def show_keys(self) -> None:
        """Show the keys of the focused widget and the page in the key bar."""
        self.key_bar.show(self.footer_keys(), self.idle_keys())

    def footer_keys(self) -> Sequence[Key]:
        """Return the keys in the key bar."""
        return self.own_app.keys.footer(self.footer_scopes())

    def idle_keys(self) -> Collection[str]:
        """Return the ids of the keys in the key bar that would do nothing now."""
        return ()

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the key bar."""
        return self.help_scopes()  # it has no keys of `move`

    def help_scopes(self) -> tuple[str, ...]:
        """Return the scopes for the help, those of the focused pane first."""
        own = tuple(getattr(self.focused, "scopes", ()))
        return (*own, self.scope, "acting", "search", "move", "app")

    def notices(self, snapshot: Snapshot, runs: Iterable[RunLine | RunRecord]) -> Row:
        """Show the warnings in their line; return what the top bar says besides.

        What a missing worker means depends on the unfinished ones of the page's `runs`: nothing of
        an external run can start, but it is read.
        """
        unfinished = [run for run in runs if run.status in UNFINISHED]
        self._warnings = health_warnings(
            snapshot.health,
            external={run.is_external for run in unfinished if not self._is_away(run)},
            is_starting=self.own_app.starts_worker,
        )
        self._show_warnings()
        notices: list[Segment] = []
        if self.own_app.read_only:
            notices.append(Segment("read-only  ", "warn"))
        if snapshot.paused:
            notices.append(Segment("‖ queue paused (p)  ", "warn"))
        if snapshot.health.trouble == NO_WORKER and not self._warnings and not unfinished:
            later = " (starts with the next run)" if self.size.width >= WIDE else ""
            notices.append(Segment(f"{NO_WORKER}{later} ", "dim"))
        return tuple(notices)

    def _show_warnings(self) -> None:
        hidden = self.own_app.hidden_warnings
        hidden &= {one.key for one in self._warnings}  # one that comes again is shown again
        key = self.own_app.keys.find("app.hide_warning").short
        shown = [one for one in self._warnings if one.key not in hidden]
        self.warning_bar.show_warnings(shown, key)

    def hide_warning(self) -> None:
        """Hide the warning that is shown, until it comes again."""
        shown = self.warning_bar.shown
        if shown is None:
            self.notify("no warning is shown")
            return
        self.own_app.hidden_warnings.add(shown.key)
        self._show_warnings()

    def _is_away(self, run: RunLine | RunRecord) -> bool:
        """Return True for a run of a box in the list: the worker of here does nothing for it."""
        return ":" in run.id and isinstance(self.page_query(), ListQuery)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let a focused input field receive `/` as text."""
        if action == "search" and isinstance(self.focused, Input):
            return False
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        """Go back to the page before."""
        self.app.clear_notifications()
        self.app.pop_screen()

    def action_search(self) -> None:
        """Open the search bar."""
        if not self.has_search:
            self.notify("this page has no search")
            return
        self.search_bar.open(self.focused, self.sought(self.focused))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search incrementally while the user types."""
        if isinstance(event.input, SearchBar) and event.input.display:
            self.search(event.value, event.input.pane)

    def on_search_bar_closed(self, event: SearchBar.Closed) -> None:
        """Return the focus to the pane; matches stay unless the search was cancelled."""
        self.search(event.text, event.pane)
        self.key_bar.note(())
        if event.pane is not None:
            self.set_focus(event.pane)  # at once: the hidden bar would take the next key

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
        """Return the runs to act on; if there are none, or a box is away, show a message."""
        targets = self.targets()
        if not targets:
            self.say_no_run()
        for target in targets:
            feed = self.own_app.on_box(target.id)
            if feed is not None and feed.why_closed:
                self.app.notify(harmless(feed.why_closed))
                return ()
        return targets

    def say_no_run(self) -> None:
        """Show that there is no run to act on."""
        self.app.notify("no run is selected", severity="warning")

    def action_resume(self) -> None:
        """Show the resume plan; for several runs, a confirmation."""
        targets = self._targets()
        if len(targets) > 1:
            from trainui.tui.dialogs import resume_runs_question

            self._ask(resume_runs_question(targets, self.own_app.call))
        elif targets and targets[0].is_external:
            self._offer_new_run(targets[0], ())
        elif targets:
            from trainui.tui.plan_screen import PlanScreen

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
            from trainui.tui.dialogs import rerun_question

            self._ask(rerun_question(targets[0], stages, self.own_app.call))

    def _offer_new_run(self, target: Target, stages: Sequence[StageRecord]) -> None:
        """Show the confirmation for running an external run's command as a new run."""
        from trainui.tui.dialogs import new_run_question

        self._ask(new_run_question(target, stages, self.own_app.call))

    def action_prepared(self) -> None:
        """Open the edit page with the edit that the cause of the stage's failure suggests."""
        self.action_edit(prepared=True)

    def gatherer_of(self, stage: StageRecord | None) -> StageRecord | None:
        """Return the stage that gathers the evaluation of which a stage is a part, if any."""
        del stage
        return None

    def action_edit(self, *, prepared: bool = False) -> None:
        """Open the edit page for the run's and the stage's parameters."""
        from trainui.tui.graph_layout import most_important

        targets, stages = self._targets(), self.target_stages()
        stage = most_important(stages) if stages else None
        whole = self.gatherer_of(stage)  # an evaluation is edited for all of its checkpoints
        stage = whole or stage
        if len(targets) > 1:
            self.app.notify("cannot edit several runs at once; esc clears the marks")
        elif targets and targets[0].is_external:
            name = harmless(targets[0].name)
            self.app.notify(f"{name} is external; R runs its command again as a new run")
        elif stage is not None and stage.status == Status.RUNNING and not _is_search(stages):
            self.app.notify(f"{harmless(stage.name)} is running; cancel it with x, then edit it")
        elif targets:
            from trainui.tui.plan_screen import EditScreen

            alone = len(stages) == 1 and whole is None
            self._ask(EditScreen(targets[0], stage, alone=alone, prepared=prepared))

    def action_cancel(self) -> None:
        """Show the confirmation for cancelling the stage or the run."""
        from trainui.tui.dialogs import (
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
            self._ask(cancel_runs_question(targets, self.own_app.call))
        elif targets and stages and not any(map(can_be_cancelled, stages)):
            ended = f"{named(stages)} has ended: nothing to cancel"
            self.app.notify(f"{ended}; x in the list of runs cancels the run")
        elif targets:
            has_others = self.stage_count() > len(stages) or _is_search(stages)
            call = self.own_app.call
            self._ask(cancel_question(targets[0], stages, call, has_others=has_others))

    def action_remove(self) -> None:
        """Show the confirmation for deleting the run, or all marked ones, with its files."""
        targets = self._targets()
        if any(map(may_be_deleted, targets)):
            from trainui.tui.dialogs import remove_question

            self._ask(remove_question(targets, self.own_app.call))
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
            from trainui.tui import run_actions

            call = partial(self.own_app.call, run_actions.change_priority)
            changed = [(run_label(one), call(one.id, change)) for one in waiting]
            return f"priority of {listed([f'{name} is {now:+d}' for name, now in changed])}"

        if waiting:
            app_of(self).act(work)
        elif targets:
            self.app.notify(f"{_state(targets, 'all have finished')}: priority has no effect")

    def action_note(self) -> None:
        """Ask for a note on the run, or on all marked ones."""
        if targets := self._targets():
            from trainui.tui.dialogs import NoteScreen

            self._ask(NoteScreen(targets))

    def action_verdict(self) -> None:
        """Ask whether the run, or all marked ones, are to be kept."""
        if targets := self._targets():
            from trainui.tui.dialogs import verdict_question

            self._ask(verdict_question(targets, self.own_app.call))

    def action_history(self) -> None:
        """Show the last runs of the run's pipeline."""
        if targets := self._targets():
            self.own_app.open_history(targets[0].id)

    def action_copy(self) -> None:
        """Copy a report to the clipboard through the terminal (OSC 52)."""

        def report_of(run_id: str) -> str:
            from trainui.tui import run_actions

            return str(self.own_app.call(run_actions.report, run_id))

        if (report := self.report()) is not None:
            self._copy(report)
        elif targets := self.targets():
            self.copy_from(lambda: "\n\n".join(report_of(one.id) for one in targets))
        else:
            self.say_no_run()

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
