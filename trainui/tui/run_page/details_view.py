"""The pane with the selected stage's detail tabs, and the bar of all tabs of the narrow layout.

Of a stage's files, a few that a plugin can show are shown below the list of all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.message import Message

from trainui.errors import TrainuiError
from trainui.formatting import quantity, size
from trainui.model.records import Event, RunRecord, StageRecord
from trainui.model.states import ENDED, Status
from trainui.pipeline.masking import mask
from trainui.record import dataclass
from trainui.text import harmless
from trainui.tui.app_interface import Call, app_of
from trainui.tui.line_view import LinesView, RowsView
from trainui.tui.numbers import age_changes_in, clock_time, state_style
from trainui.tui.run_page.overview import (
    FOLDED,
    LABEL,
    UNFOLDED,
    DetailsSubject,
    overview_rows,
    short_path,
)
from trainui.tui.run_page.sweep_table import SweepRows, SweepTable
from trainui.tui.snapshot import Cache, DetailTab, StageFile, StageFiles, as_attempt
from trainui.tui.styled_text import (
    Row,
    Segment,
    coloured,
    cut_member,
    fit,
    fit_middle,
    labelled,
    marked,
    plain,
    text_rows,
    width_of,
    wrap,
)

if TYPE_CHECKING:
    from textual.timer import Timer

    from trainui.plugin import Viewer
    from trainui.tui.graph_view import Timeline

_TABS = tuple(sorted({**{int(tab): tab.title for tab in DetailTab}, 3: "Curves", 4: "Log"}.items()))
"""Number and name of each tab."""

LEAST_NAME, MOST_NAME = 8, 24
"""Least and most width of a parameter's name, in characters."""

TITLES = {"output": "outputs", "checkpoint": "checkpoints", "": "other files"}
"""Headings of the files by role."""

LEAST_WIDTH = 20
"""Columns for which details are laid out at least, and cut at the right."""

OF_A_FOLD = (
    "enter unfolds the members",
    "s sorts by best or smoothed value",
    "c chooses the curves to compare",
    "3, then B draws them all as one band",
)
"""Key hints for a folded sweep."""

MOST_VIEWED = 4
"""The most files shown of a stage: declared outputs first, then the newest ones."""

VIEW_WIDTH, VIEW_HEIGHT = 96, 20
"""The most characters of a file: more take long over a slow connection."""

MOST_VIEWS = 32
"""Size of the cache of views."""


class Tabs(LinesView, can_focus=False):
    """The tab bar with the name of the selected stage."""

    DEFAULT_CSS = """
    Tabs { height: 1; overflow: hidden; }
    """

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, pane: int) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self._chosen = 2
        self._stage = ""

    def choose(self, pane: int) -> None:
        """Highlight a tab."""
        self._chosen = pane
        self.update_rows()

    def show_stage(self, name: str) -> None:
        """Set the name of the stage."""
        self._stage = name
        self.update_rows()

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 (there is one line)
        """Return the tabs."""
        spans = [
            Segment(f" {number} {name} ", "tab-on" if number == self._chosen else "dim")
            for number, name in _TABS
        ]
        room = max(width - width_of(tuple(spans)) - 3, 8)
        return (*spans, Segment(f"  {cut_stage(self._stage, room)}", "dim"))

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the mouse."""
        at = event.x
        for number, name in _TABS:
            at -= width_of((Segment(f" {number} {name} "),))
            if at < 0:
                self.post_message(self.Chosen(number))
                return


def cut_stage(stage: str, width: int) -> str:
    """Return a stage's name in at most `width` characters, with its attempt whole."""
    name, comma, number = stage.rpartition(", attempt ")
    end = f"{comma}{number}" if comma else ""
    return cut_member(name if comma else stage, width - len(end)) + end


_STATES = frozenset(str(status) for status in Status)


def params_rows(
    run: RunRecord, stage: StageRecord, width: int, own: Mapping[str, str] | None = None
) -> list[Row]:
    """Return a stage's parameters; `own` has those of the run with other values in this member."""
    own = own or {}
    definition = stage.definition
    rows: list[Row] = []
    for title, values in (
        ("of this sweep member", {**definition.member_values, **own}),
        ("of the task", definition.params or {}),
        ("of the run", {name: run.params[name] for name in run.params if name not in own}),
        ("environment variables of the stage", definition.env),
    ):
        if values:
            rows += [*([()] if rows else []), *_table(title, mask(values), width)]
    return rows or [(Segment("no parameters", "dim"),)]


def _table(title: str, values: Mapping[str, object], width: int) -> list[Row]:
    shown = [(harmless(name), value) for name, value in values.items()]
    cells = min(max(LEAST_NAME, *(len(name) for name, _ in shown)), MOST_NAME)
    rows: list[Row] = [(Segment(title, "dim"),)]
    for name, value in shown:
        text = value if isinstance(value, str) else json.dumps(value)
        pieces = wrap(harmless(text), max(width - cells - 2, 10))
        label = Segment(fit(fit_middle(name, cells), cells + 2), "strong")
        rows += labelled(label, ((Segment(piece),) for piece in pieces))
    return rows


def files_rows(found: StageFiles | None, width: int, *, over: bool = False) -> list[Row]:
    """Return the files of a stage with sizes and times, declared ones first."""
    if found is None:
        return []
    rows: list[Row] = []
    mark, word, style = ("✗ ", "  missing", "bad") if over else ("○ ", "  not written yet", "dim")
    for name in found.missing:
        shown = fit_middle(harmless(name), max(width - len(mark + word) - 1, 8))
        rows.append((Segment(mark, style), Segment(shown), Segment(word, style)))
    for role, files in groupby(found.files, key=lambda file: file.role):
        rows += [*([()] if rows else []), (Segment(TITLES[role], "dim"),)]
        rows += [_file_row(file, width) for file in files]
    if found.cut:
        rows.append((Segment("… and more", "dim"),))
    elif found.files:
        total = size(sum(file.size for file in found.files))
        rows += [(), (Segment(f"{quantity(len(found.files), 'file')}, {total}", "dim"),)]
    foot = [f"in {harmless(found.directory)}"]
    if found.attempt is not None:
        none = "" if rows else "no file was "
        foot.insert(0, f"{none}last written by attempt {found.attempt}")
    elif not rows:
        rows.append((Segment("no files" if over else "no files yet", "dim"),))
    rows += [(), *text_rows("\n".join(foot), width, "dim")]
    return rows


def _file_row(file: StageFile, width: int) -> Row:
    mark = {"output": Segment("✓ ", "good"), "checkpoint": Segment("◆ ", "accent")}
    room = max(width - 2 - 10 - 13, 8)
    return (
        mark.get(file.role, Segment("  ")),
        Segment(fit(fit_middle(harmless(file.path), room), room)),
        Segment(fit(size(file.size), 10, right=True)),
        Segment(fit(clock_time(file.changed_at), 13, right=True), "dim"),
    )


def events_rows(events: Sequence[Event] | None, width: int) -> list[Row]:
    """Return the events of a stage and its run, the newest first."""
    if events is None:
        return []
    rows: list[Row] = []
    for event in reversed(events):
        style = state_style(Status(event.kind)) if event.kind in _STATES else ""
        pieces = wrap(harmless(event.text), max(width - 13, 10))
        moment = Segment(f"{clock_time(event.time):<13}", "dim")
        rows += labelled(moment, ((Segment(piece, style),) for piece in pieces))
    return rows or [(Segment("no events yet", "dim"),)]


class DetailsView(RowsView):
    """One of the detail tabs."""

    class FoldClicked(Message):
        """The heading of the overview's details was clicked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[DetailsSubject, DetailTab] | None = None
        self._pattern: re.Pattern[str] | None = None
        self._tables = Cache[SweepTable]()
        """The table of the members last shown, for their definitions."""
        self._found = -1
        """Index of the row of the current match."""
        self._viewed: ViewedFiles | None = None
        self._is_viewing = False
        self._aging: Timer | None = None
        """Draws again when an age changes, after the stage's end."""
        self.folded = True
        """True if one line stands in place of the overview's details."""
        self.table_width = 0
        """The width that the sweeps' tables shown so far need, in characters."""

    def show(self, subject: DetailsSubject, tab: DetailTab) -> None:
        """Show a detail tab of a stage."""
        before, self._shown = self._shown, (subject, tab)
        if before is not None and (before[0].stage.name, before[1]) != (subject.stage.name, tab):
            self._found = -1
        width = max(self.scrollable_content_region.width, LEAST_WIDTH)
        self.set_rows(self._rows_of(subject, tab, width))
        self._keep_ages_right(subject)

    def _keep_ages_right(self, subject: DetailsSubject) -> None:
        """Draw again when an age changes; while the stage runs, the page's clock does."""
        if self._aging is not None:
            self._aging.stop()
        activity, page = subject.detail.activity, subject.page
        if activity is not None and subject.stage.status in ENDED and page.seen_at is None:
            known = (activity.output_at, activity.checkpoint_at)
            changes = [age_changes_in(moment, page.now) for moment in known if moment is not None]
            self._aging = self.set_timer(min(changes), self._show_again) if changes else None

    def tick(self, timeline: Timeline) -> None:
        """Update the running times; only the overview has any."""
        if self._shown is None or self._shown[1] != DetailTab.OVERVIEW:
            return
        subject, tab = self._shown
        if subject.members:
            self.update_rows()
        else:
            self.show(replace(subject, timeline=timeline), tab)

    def on_resize(self) -> None:
        """Lay the rows out for the new width."""
        super().on_resize()
        self._show_again()

    def row(self, index: int, width: int) -> Row:
        """Return a row with the search matches highlighted."""
        row = super().row(index, width)
        if self._pattern is None:
            return row
        return marked(row, self._pattern, "match" if index == self._found else "key")

    def search(self, text: str) -> None:
        """Highlight a text in any case and go to its first row; an empty text ends the search."""
        self._pattern = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self._found = -1
        self._show_again()  # a search unfolds the details
        if not self.go_to_match(1):
            self.update_rows()

    def go_to_match(self, direction: int) -> bool:
        """Go to the next (1) or previous (-1) row with a match, wrapping around."""
        pattern = self._pattern
        if pattern is None:
            return False
        matching = [at for at, row in enumerate(self.rows) if pattern.search(plain(row))]
        if not matching:
            return False
        beyond = [at for at in matching if (at - self._found) * direction > 0]
        self._found = (beyond or matching)[0 if direction > 0 else -1]
        self.show_row(self._found, around=1)
        self.update_rows()
        return True

    def give_up(self) -> bool:
        """End the search; return True if there was one."""
        pattern = self._pattern is not None
        self.search("")
        return pattern

    def _rows_of(self, of: DetailsSubject, tab: DetailTab, width: int) -> Sequence[Row]:
        stage = as_attempt(of.stage, of.attempts)
        if tab == DetailTab.OVERVIEW and of.members:
            return self._group(of, width)
        if tab == DetailTab.OVERVIEW:
            folded = self.folded and self._pattern is None
            height = self.scrollable_content_region.height
            return overview_rows(of, of.page.now, width, folded=folded, height=height)
        if tab == DetailTab.PARAMS:
            return params_rows(of.page.run, stage, width, of.detail.own_parameters)
        if tab == DetailTab.OUTPUTS:
            over = stage.status in ENDED
            return [*files_rows(of.detail.files, width, over=over), *self._views(of, width)]
        return events_rows(of.detail.events, width)

    def _group(self, of: DetailsSubject, width: int) -> Sequence[Row]:
        definitions = tuple(one.definition for one in of.members)
        table = self._tables.read(definitions, lambda: SweepTable(of.members))
        self.table_width = max(self.table_width, table.width)
        foot: list[Row] = [(), *((Segment(line, "dim"),) for line in OF_A_FOLD)]
        group, alerts = of.page.group, of.page.alerts
        return SweepRows(
            of.members,
            group,
            width=width,
            table=table,
            foot=foot,
            alerts=alerts,
            now=lambda: of.page.now,
        )

    def _views(self, of: DetailsSubject, width: int) -> list[Row]:
        """Return the views that plugins made of files, and start the next one in a thread."""
        pass

        if not getattr(self.app, "shows_pixels", False):
            return []
        self._viewed = self._viewed or ViewedFiles()
        rows, missing = self._viewed.rows(of.page.run.id, of.detail.files, width)
        if missing and not self._is_viewing:
            self._is_viewing = True
            work = partial(self._view, self._viewed, missing[0])
            self.run_worker(work, thread=True, group="views", exit_on_error=False)
        return rows

    def _view(self, viewed: ViewedFiles, view: FileView) -> None:
        viewed.make(view, app_of(self).call)
        self.app.call_from_thread(self._show_view)

    def _show_view(self) -> None:
        self._is_viewing = False
        self._show_again()

    def _show_again(self) -> None:
        if self._shown is not None:
            self.show(*self._shown)

    def fold(self, *, folded: bool) -> None:
        """Fold or unfold the overview's details."""
        self.folded = folded
        self._show_again()

    def on_click(self, event: events.Click) -> None:
        """Choose a tab in the lower border, or fold or unfold the details by their heading."""
        if numbers := re.findall(r"\d", self.subtitle_until(event)):
            self.post_message(Tabs.Chosen(int(numbers[-1])))
        index = self.row_under(event)
        if index is not None and self.rows[index] in (FOLDED, UNFOLDED):
            self.post_message(self.FoldClicked())

    def copied(self, text: str) -> str:
        """Return a selected text with the stage's directory as a whole path."""
        if self._shown is None:
            return text
        directory = self._shown[0].stage.directory
        room = max(self.scrollable_content_region.width, LEAST_WIDTH) - LABEL
        return text.replace(short_path(directory, room), directory)


@dataclass(frozen=True, slots=True)
class FileView:
    """A file to show, and the space for it."""

    run_id: str
    viewer: str
    path: str
    """Absolute, where the run is."""
    changed_at: int
    columns: int


def _viewable(files: Sequence[StageFile]) -> Iterator[tuple[StageFile, Viewer]]:
    """Yield the files that a plugin can show, each with the first one that can."""
    from trainui.plugin import Viewer, registry  # no other page needs plugins
    from trainui.plugin.records import fits

    viewers = registry.records(Viewer)
    for file in files:
        name = Path(file.path).name.casefold()
        if (viewer := next((one for one in viewers if fits(name, one.files)), None)) is not None:
            yield file, viewer


class ViewedFiles:
    """Cache of the views of a stage's files."""

    def __init__(self) -> None:
        self._known: dict[FileView, tuple[Row, ...]] = {}

    def rows(
        self, run_id: str, found: StageFiles | None, width: int
    ) -> tuple[list[Row], list[FileView]]:
        """Return the lines of a stage's files, and the views that are not made yet."""
        if found is None or not found.files:
            return [], []
        rows: list[Row] = []
        missing: list[FileView] = []
        columns = max(min(width, VIEW_WIDTH), 8)
        for file, viewer in islice(_viewable(found.files), MOST_VIEWED):
            path = str(Path(found.directory) / file.path)
            view = FileView(run_id, viewer.name, path, file.changed_at, columns)
            rows += [(), (Segment(fit_middle(harmless(file.path), width), "strong"),)]
            if view in self._known:
                rows += self._known[view]
            else:
                missing.append(view)
                rows.append((Segment("…", "dim"),))
        return rows, missing

    def make(self, view: FileView, call: Call) -> None:
        """Make a view; blocks until done."""
        while len(self._known) >= MOST_VIEWS:
            self._known.pop(next(iter(self._known)))
        self._known[view] = tuple(_viewed(view, call))


def _viewed(view: FileView, call: Call) -> list[Row]:
    asked = view.viewer, view.path, view.columns, VIEW_HEIGHT
    try:
        from trainui.tui import run_actions  # it imports what reads pipeline files

        lines = call(run_actions.view, view.run_id, *asked)
    except (TrainuiError, ValueError, OSError) as error:
        problem = " ".join(harmless(str(error)).split())
        return [(Segment(f"cannot be shown: {problem}", "dim"),)]
    return [coloured(line) for line in lines[:VIEW_HEIGHT]]
