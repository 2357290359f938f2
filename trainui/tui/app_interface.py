"""The app as pages and dialogs know it: its data, and actions that run in a background thread.

They import this instead of the app, which imports them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from textual.dom import DOMNode

if TYPE_CHECKING:
    from trainui.store.read.run_list import RunLine
    from trainui.tui.keymap import KeyTable
    from trainui.tui.preferences import Preferences
    from trainui.tui.readers.poller import Poller
    from trainui.tui.snapshot.snapshot import Snapshot


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
    starts_worker: bool
    """True while an action starts the worker, until its state has been read."""

    def open_run(self, run_id: str) -> None:
        """Open a run's page."""

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
