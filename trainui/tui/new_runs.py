"""What becomes a new run: a pipeline file that is chosen on a page, a training that is found here.

The page has a preview of the file's stages or problems. Trainings in this directory and processes
on this machine are found by child processes (`trainui add`), since a large directory takes a while.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from difflib import ndiff
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input

from trainui.errors import PipelineFileError, PlanChangedError, TrainuiError, UsageError
from trainui.execution import processes
from trainui.formatting import quantity
from trainui.metrics import lenient
from trainui.pipeline import template
from trainui.record import dataclass
from trainui.text import harmless
from trainui.tui.app_interface import app_of
from trainui.tui.keymap import Key
from trainui.tui.line_view import RowsView
from trainui.tui.styled_text import Row, Segment, diff_rows, fit_middle, text_rows
from trainui.tui.widgets import Bar, Entry, EntryView, KeyBar

MOST = 200
"""Maximum number of files listed."""

PATIENCE = 20.0
"""Seconds after which a search for trainings is given up."""

_LOOK_EVERY = 0.1
"""Seconds between two looks at whether the search has ended."""

ENDINGS = (".yaml", ".yml")


def matching_files(typed: str) -> list[str]:
    """Return files that match the typed text: here and one level below, or in its directory."""
    directory, _, rest = typed.rpartition("/")
    base = Path(directory or ("/" if typed.startswith("/") else ".")).expanduser()
    prefix = f"{directory}/" if "/" in typed else ""
    words = rest.casefold().split()
    found = (prefix + str(path.relative_to(base)) for path in _files(base, below=not prefix))
    matching = (name for name in found if all(word in name.casefold() for word in words))
    return sorted(islice(matching, MOST), key=lambda name: (name.count("/"), name.casefold()))


def _files(base: Path, *, below: bool) -> Iterator[Path]:
    try:
        entries = sorted(base.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.suffix in ENDINGS:
            yield entry
        elif below and entry.is_dir():
            yield from _files(entry, below=False)


@dataclass(frozen=True, slots=True)
class PipelinePreview:
    """A pipeline file's stages and parameters, or its problems."""

    file: str
    params: str
    name: str = ""
    stages: tuple[str, ...] = ()
    values: Mapping[str, str] | None = None
    """Parameter values by name."""
    problems: tuple[str, ...] = ()
    digest: str = ""
    """Of the file's content."""
    text: str = ""
    """The content, with secret values masked."""


def preview(file: str, params: str) -> PipelinePreview:
    """Load a pipeline file and return its preview; has no side effects."""
    from trainui.pipeline import loader, masking

    try:
        given = parse_params(params)
        pipeline = loader.load(file, given)
    except PipelineFileError as error:
        problems = tuple(harmless(str(one)) for one in error.problems)
        return PipelinePreview(file, params, problems=problems)
    except TrainuiError as error:
        return PipelinePreview(file, params, problems=tuple(harmless(str(error)).splitlines()))
    values = {name: str(value) for name, value in masking.mask(pipeline.params).items()}
    names = tuple(harmless(stage.name) for stage in pipeline.stages)
    text = masking.Masker(masking.known(pipeline, os.environ)).text(pipeline.text)
    name = harmless(pipeline.name)
    return PipelinePreview(file, params, name, names, values, digest=pipeline.digest, text=text)


def parse_params(text: str) -> dict[str, str]:
    """Parse `KEY=VALUE KEY=VALUE`, with shell quoting; raise UsageError if it is invalid."""
    try:
        return template.parameters_from_words(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"parameters: {error}; write e.g. lr=0.1 'name=a b'") from error


def start(file: str, params: str, shown: PipelinePreview | None = None) -> str:
    """Run a pipeline file, as its preview showed it; return the run's id.

    Raises:
        PlanChangedError: the file has changed since the preview.
        TrainuiError: it cannot run; nothing is stored.
    """
    from trainui import control
    from trainui.execution.daemon import lifecycle
    from trainui.pipeline import loader

    given = parse_params(params)
    pipeline = loader.load(file, given)
    if shown is not None and pipeline.digest != shown.digest:
        raise PlanChangedError(
            f"{file} has changed since its preview, so nothing was started; Enter again runs it as "
            "the preview shows it now"
        )
    lifecycle.ensure_started()  # first, so that no run is stored if the worker cannot start
    return control.submit(pipeline, given=given)


class FileList(EntryView[str], can_focus=False):
    """The list of pipeline files."""

    def set_files(self, files: list[str]) -> None:
        """Show these files."""
        none: Entry[str] = Entry((Segment(" none; `trainui init` writes one", "dim"),))
        self.set_entries([Entry((), file) for file in files] or [none])

    def row_style(self, index: int) -> str:
        """Highlight the selected file, though the input field has the focus."""
        return "cursor" if index == self.cursor else ""

    def row(self, index: int, width: int) -> Row:
        """Return a file's name."""
        row, file = self.entries[index]
        return row or (Segment(" " + fit_middle(harmless(file or ""), width - 2)),)


class ChooseFileScreen(Screen[None]):
    """The page: an input field, the file list, a preview, and parameters."""

    AUTO_FOCUS: ClassVar[str | None] = "#file"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "cancel"),
        Binding("up", "line(-1)", "up"),
        Binding("down", "line(1)", "down"),
    ]

    DEFAULT_CSS = """
    ChooseFileScreen {
        Input {
            height: 3;
            border: round $border-blurred;
            padding: 0 1;
            border-title-color: $dim;
            background: $background;
        }
        Input:focus {
            border: round $border;
            border-title-color: $primary;
            background: $background;
        }
        #found { height: 1fr; }
        FileList { width: 2fr; border: round $border-blurred; }
        #preview { width: 3fr; border: round $border-blurred; }
        #preview { padding: 0 1; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._preview: PipelinePreview | None = None
        self._before: PipelinePreview | None = None
        """The preview that was confirmed, of a file that was another one by then."""

    def compose(self) -> ComposeResult:
        """Build the fields, the list and the preview."""
        yield Bar(id="top")
        yield Input(id="file", placeholder="type to filter the list, or a path")
        with Horizontal(id="found"):
            yield FileList(id="files")
            yield RowsView(id="preview")
        yield Input(id="params", placeholder="KEY=VALUE ...   (tab)")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Set up the widgets and search for files."""
        self.query_one("#top", Bar).show((Segment(" Run a pipeline file", "title"),))
        for field in self.query(Input):
            field.cursor_blink = False
        self.query_one("#file", Input).border_title = "File"
        self.query_one("#params", Input).border_title = "Parameters"
        self.query_one(FileList).set_title("Files here")
        self.query_one("#preview", RowsView).set_title("Preview")
        self.query_one("#preview").can_focus = False
        keys = [
            Key("ask.choose", "enter", "run it", "", "choose"),
            Key("ask.up", "down", "next file", "", "line(1)"),
            Key("ask.params", "tab", "parameters", "", "app.focus_next"),
            Key("ask.leave", "escape", "cancel", "", "dismiss"),
        ]
        self.query_one(KeyBar).show(keys)
        self._list_files("")

    def _list_files(self, typed: str) -> None:
        def look() -> None:
            self.app.call_from_thread(self.query_one(FileList).set_files, matching_files(typed))
            self.app.call_from_thread(self._preview_chosen)

        self.run_worker(look, thread=True, exclusive=True, group="files", exit_on_error=False)

    def _chosen(self) -> str:
        """Return the selected file, else the typed path."""
        return self.query_one(FileList).selected or self.query_one("#file", Input).value.strip()

    def _preview_chosen(self) -> None:
        file, params = self._chosen(), self.query_one("#params", Input).value
        if not file:
            self._show(None)
            return

        def look() -> None:
            self.app.call_from_thread(self._show, preview(file, params))

        self.run_worker(look, thread=True, exclusive=True, group="preview", exit_on_error=False)

    def _show(self, found: PipelinePreview | None) -> None:
        self._preview = found
        view = self.query_one("#preview", RowsView)
        width = max(view.scrollable_content_region.width, 20)
        view.set_rows([] if found is None else preview_rows(found, width, self._before))

    def on_resize(self) -> None:
        """Wrap the preview for the new width."""
        self.call_after_refresh(lambda: self._show(self._preview))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Update the list, or the preview with other parameters."""
        if event.input.id == "file":
            self._list_files(event.value)
        else:
            self._preview_chosen()

    def action_line(self, count: int) -> None:
        """Move the selection."""
        self.query_one(FileList).action_line(count)

    def _run(self) -> None:
        file, params = self._chosen(), self.query_one("#params", Input).value
        host, found = app_of(self), self._preview
        started: list[str] = []

        is_previewed = found is not None and (found.file, found.params) == (file, params)

        def work() -> str:
            try:
                started.append(start(file, params, found if is_previewed else None))
            except TrainuiError:
                self._before = found
                self.app.call_from_thread(self._preview_chosen)
                raise
            return f"started {harmless(file)}"

        def then() -> None:
            self.dismiss()
            host.open_run(started[0])

        if not file:
            self.notify("choose or type a file first")
        elif found is not None and is_previewed and found.problems:
            self.notify("not started: it has problems, see the preview", severity="warning")
        else:
            host.act(work, then=then)

    on_cursor_view_moved = _preview_chosen
    on_cursor_view_opened = on_input_submitted = _run


def preview_rows(
    found: PipelinePreview, width: int, before: PipelinePreview | None = None
) -> list[Row]:
    """Return a file's stages and parameters, or its problems, as lines.

    Those that were edited since the preview `before` come first, if it was of this file.
    """
    changed: list[Row] = []
    if before is not None and before.file == found.file and before.text != found.text:
        lines = ndiff(before.text.splitlines(), found.text.splitlines())
        edited = "\n".join(line for line in lines if line[0] in "+-")
        title = (Segment("The file has changed since its preview:", "warn"),)
        changed = [title, *diff_rows(edited, width), ()]
    return [*changed, *_content_rows(found, width)]


def _content_rows(found: PipelinePreview, width: int) -> list[Row]:
    if found.problems:
        title = f"✗ {quantity(len(found.problems), 'problem')}"
        return [(Segment(title, "bad"),), (), *text_rows("\n".join(found.problems), width)]
    count = Segment(f"  {quantity(len(found.stages), 'stage')}", "dim")
    rows: list[Row] = [(Segment("✓ ", "good"), Segment(found.name, "strong"), count), ()]
    rows += [(Segment("  ○ ", "dim"), Segment(name)) for name in found.stages]
    if found.values:
        rows += [(), (Segment("parameters", "dim"),)]
        values = found.values.items()
        rows += [(Segment(f"  {name} = {harmless(value)}"),) for name, value in values]
    return rows


@dataclass(frozen=True, slots=True)
class FoundTraining:
    """A training or a process that can be added."""

    name: str
    kind: str
    """The tracker, or `pid 4711`."""
    words: str
    """Its path in this directory, or why the process is listed and its command."""
    path: str | None = None
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class FoundTrainings:
    """The results of both searches."""

    trainings: tuple[FoundTraining, ...] = ()
    processes: tuple[FoundTraining, ...] = ()
    problem: str = ""
    """Why the trainings are not known; empty: they are."""


def search_trainings(is_cancelled: Callable[[], bool]) -> FoundTrainings:
    """Search this directory and this machine, which takes seconds, until `is_cancelled`."""
    from concurrent.futures import ThreadPoolExecutor

    searches = (["--pid"], [".", "--dry-run"])
    with ThreadPoolExecutor(len(searches)) as pool:
        processes, trainings = pool.map(lambda words: _answer(words, is_cancelled), searches)
    slow = f"Searching this directory took over {PATIENCE:.0f} s; `trainui add .` has no limit."
    runs = (trainings or {}).get("runs", ())
    newest_first = sorted(runs, key=lambda one: -lenient.modified(Path(one["path"])))
    listed = []
    for one in newest_first:
        where = one["path"].removeprefix(f"{Path.cwd()}/")
        listed.append(FoundTraining(one["name"], one["kind"], where, path=one["path"]))
    running = []
    for one in (processes or {}).get("candidates", ()):
        words, pid = f"{one['why']}: {' '.join(one['command'])}", one["pid"]
        running.append(FoundTraining(one["name"], f"pid {pid}", words, pid=pid))
    return FoundTrainings(tuple(listed), tuple(running), slow if trainings is None else "")


def _answer(words: list[str], is_cancelled: Callable[[], bool]) -> dict[str, Any] | None:
    """Return what `trainui add` prints as JSON; None if it did not end in time."""
    command = processes.module_argv("trainui", "add", *words, "--json")
    give_up_at = time.monotonic() + PATIENCE
    none = subprocess.DEVNULL
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(command, stdin=none, stdout=output, stderr=none) as process,
    ):
        while process.poll() is None:
            if is_cancelled() or time.monotonic() > give_up_at:
                process.kill()
                return None
            time.sleep(_LOOK_EVERY)
        output.seek(0)
        try:
            answer: dict[str, Any] = json.load(output)
        except ValueError:
            return {}
    return answer


def add_training(chosen: FoundTraining | None) -> str:
    """Add one, or all trainings in this directory; return the message to show."""
    from trainui.control import external
    from trainui.plugin import Tracker, registry

    if chosen is None:
        return f"added {quantity(len(external.add(external.find(Path.cwd()))), 'training')}"
    if chosen.pid is not None:
        return f"added {external.adopt(chosen.pid).name}"
    path = Path(chosen.path or "")
    # parts of it may be elsewhere in this directory
    has_parts = any(one.joined and one.name == chosen.kind for one in registry.records(Tracker))
    listed = external.listed(Path.cwd() if has_parts else path)
    found = [one for one in listed if (one.name, one.path) == (chosen.name, path)]
    added = external.add(found or external.find(path))
    return f"added {', '.join(one.name for one in added[:3])}"
