"""The app as a protocol: pages and dialogs import this instead of the app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from textual.dom import DOMNode

if TYPE_CHECKING:
    from trainui.store.read.run_list import RunLine
    from trainui.tui.data.poller import Poller
    from trainui.tui.data.snapshot import Snapshot
    from trainui.tui.keymap import KeyTable
    from trainui.tui.preferences import Preferences


class Host(Protocol):
    """The app, as pages and dialogs see it."""

    poller: Poller
    """Reads the open page's query."""
    keys: KeyTable
    preferences: Preferences
    snapshot: Snapshot | None
    """The latest snapshot; None: nothing has been read yet."""
    runs: Sequence[RunLine]
    """The list of runs as read last, newest first."""
    read_only: bool
    """True if actions are disabled, as in a browser without `--write`."""

    starts_worker: bool
    """True while an action starts the worker, until its state has been read."""

    def act(
        self,
        work: Callable[[], str],
        *,
        starts: bool = False,
        then: Callable[[], Any] | None = None,
    ) -> None:
        """Run an action in a thread and show its result."""
        ...

    def release_keys(self) -> None:
        """Dispatch the keys that were typed before the first page had data."""
        ...

    def open_run(self, run_id: str) -> None:
        """Open a run's page."""
        ...


def host_of(node: DOMNode) -> Host:
    """Return the app of a page, a dialog or a widget."""
    return cast("Host", node.app)
