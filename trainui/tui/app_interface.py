"""The app as pages and dialogs know it: its data, its preferences, and actions run in a thread.

They import this instead of the app, which imports them. How messages name runs and stages is here
too. Preferences are optional: a file that cannot be read or written is ignored.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from textual.dom import DOMNode

from trainui import formatting, paths, system, text
from trainui.model.records import RunRecord
from trainui.model.states import UNFINISHED
from trainui.store.read.run_list import RunLine
from trainui.text import harmless

if TYPE_CHECKING:
    from trainui.store.read.run_list import RunLine
    from trainui.tui.box_feed import BoxFeed
    from trainui.tui.keymap import KeyTable
    from trainui.tui.log_window import LogReader, LogWindow
    from trainui.tui.readers.poller import Poller
    from trainui.tui.snapshot import Query, Snapshot

MOST_NAMED = 4
"""Maximum number of runs or stages named in a message."""

PREFERENCES_FILE = "screen.json"


class AppInterface(Protocol):
    """What pages and dialogs use of the app."""

    poller: Poller
    """Reads the open page's query."""
    keys: KeyTable
    preferences: Preferences
    snapshot: Snapshot | None
    """The latest snapshot; None: nothing has been read yet."""
    runs: Sequence[RunLine]
    """The list of runs as read last, newest first."""
    read_only: str
    """Why actions are disabled, as in a browser without `--write`; empty: they are not."""
    hidden_warnings: set[str]
    """The keys of the warnings that were hidden."""
    starts_worker: bool
    """True while an action starts the worker, until its state has been read."""

    def set_query(self, query: Query) -> None:
        """Read for a page from now on, here or on its run's box."""

    def log_reader(self, box: str, deliver: Callable[[LogWindow], object]) -> LogReader | None:
        """Return what reads logs on a box; None: the box is not there any more."""

    def on_box(self, run_id: str) -> BoxFeed | None:
        """Return what reads a run's box; None: the run is of here."""

    def refuse_boxes(self, draw: Callable[[Snapshot], object]) -> bool:
        """Close the boxes whose data cannot be drawn; return False if there are none."""

    def box_feeds(self) -> Sequence[BoxFeed]:
        """Return what reads the boxes, one each."""

    def call(self, action: Callable[..., Any], run_id: str, *arguments: Any) -> Any:
        """Call one of `run_actions` where the run is, and return its result; it blocks.

        Raises:
            BoxError: the run's box does not answer.
            TrainuiError: the action failed.
        """

    def open_run(self, run_id: str, stage: str = "") -> None:
        """Open a run's page, with a stage or a sweep selected."""

    def open_history(self, run_id: str) -> None:
        """Open the page of the last runs of a run's pipeline, unless it is open."""

    def release_keys(self) -> None:
        """Dispatch the keys typed before the page had data."""

    def act(
        self,
        work: Callable[[], str],
        *,
        starts: bool = False,
        then: Callable[[], Any] | None = None,
    ) -> None:
        """Run an action in a thread.

        `work` returns the message to show, or raises the error to show; `then` is called on the
        event loop after success. `starts`: start a worker afterwards.
        """


def app_of(node: DOMNode) -> AppInterface:
    """Return the app of a page, a dialog or a widget."""
    return cast("AppInterface", node.app)


Target = RunRecord | RunLine

Call = Callable[..., Any]
"""`AppInterface.call`."""


def is_here(run: Target) -> bool:
    """Return False for a run of a box."""
    return ":" not in run.id


def may_be_deleted(run: Target) -> bool:
    """Return True if no process of ours can still use its files; an external run's files stay."""
    return run.is_external or run.status not in UNFINISHED


def run_label(run: Target) -> str:
    """Return a run's name and short id, since several runs may share a name."""
    return text.run_label(run.name, run.id)


def listed(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names separated by commas, a long list shortened to `... and 3 more`."""
    return formatting.listed([harmless(name) for name in names], most)


class Preferences:
    """Values by name, in memory until `save`."""

    def __init__(self, file: Path, changed: Callable[[], None]) -> None:
        """Read the JSON file, if any; `changed` is called if a value differs from the saved one."""
        self._changed = changed
        self._file = file
        self._kept = self._read()
        self._saved = dict(self._kept)

    def _read(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(system.read_text(self._file))
            if isinstance(found, dict):
                return found
        return {}

    def get(self, name: str, kind: type) -> Any:
        """Return a value, or the empty value `kind()` if it is missing or of another type."""
        found = self._kept.get(name)
        return found if isinstance(found, kind) else kind()

    def keep(self, name: str, value: Any) -> None:
        """Set a value (JSON data)."""
        self._kept[name] = value
        if self._kept != self._saved:
            self._changed()

    def save(self) -> None:
        """Write what has changed, if the home directory exists; what other screens wrote stays."""
        saved = dict(self._kept)
        own = {name: value for name, value in saved.items() if value != self._saved.get(name)}
        if not own:
            return
        self._saved = saved
        with contextlib.suppress(OSError):
            if self._file.parent.is_dir():
                merged = self._read() | own
                paths.write_private(self._file, json.dumps(merged, indent=1) + "\n")
