"""The app as pages and dialogs know it: its data, and actions that run in a background thread.

They import this instead of the app, which imports them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from textual.dom import DOMNode

from trainui.errors import TrainuiError
from trainui.text import harmless
from trainui.tui.readers import health
from trainui.tui.terminal.terminal_app import TerminalApp

if TYPE_CHECKING:
    from trainui.store.read.run_list import RunLine
    from trainui.tui.keymap import KeyTable
    from trainui.tui.preferences import Preferences
    from trainui.tui.readers.poller import Poller
    from trainui.tui.snapshot.snapshot import Snapshot

log = logging.getLogger(__name__)


class BaseApp(TerminalApp):
    """An app that runs actions and shows their results as notifications."""

    poller: Poller
    """Reads the open page's query."""
    keys: KeyTable
    preferences: Preferences
    snapshot: Snapshot | None = None
    """The latest snapshot; None: nothing has been read yet."""
    runs: Sequence[RunLine] = ()
    """The list of runs as read last, newest first."""
    read_only: str
    """True if actions are disabled, as in a browser without `--write`."""
    starts_worker: bool = False
    """True while an action starts the worker, until its state has been read."""

    def open_run(self, run_id: str) -> None:
        """Open a run's page."""
        raise NotImplementedError

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
        if self.read_only:
            self._show_result(self.read_only, "warning")
            return

        def body() -> None:
            if self._attempt(work, then) and starts:
                self._attempt(_start_worker, None)
            if starts:
                self.call_from_thread(self.set_timer, health.PERIOD + 1, self._started)

        self.starts_worker |= starts
        self.run_worker(body, thread=True, group="acting", exit_on_error=False)

    def _started(self) -> None:
        self.starts_worker = False

    def _attempt(self, work: Callable[[], str], then: Callable[[], Any] | None) -> bool:
        """Run the action and show its result; returns True on success."""
        try:
            said = work()
        except Exception as error:  # the edge of a thread: any error is shown
            words = str(error)
            if not isinstance(error, TrainuiError):
                log.exception("an action failed")
                words = f"{type(error).__name__}: {error}"
            self.call_from_thread(self._show_result, words, "error")
            return False
        self.poller.reread()
        if said:
            self.call_from_thread(self._show_result, said, "information")
        if then is not None:
            self.call_from_thread(then)
        return True

    def _show_result(self, text: str, severity: Any) -> None:
        lines = [harmless(line) for line in text.splitlines()]
        self.notify("\n".join(lines), severity=severity)

    def action_pause(self) -> None:
        """Pause or resume the queue."""

        def work() -> str:
            from trainui import control

            if control.toggle_paused():  # what is on the screen may be older than the last key
                return "queue paused: no new stages start, running ones continue"
            return "queue resumed"

        self.act(work)


def _start_worker() -> str:
    from trainui.execution.daemon import lifecycle

    lifecycle.ensure_started()
    return ""


def app_of(node: DOMNode) -> BaseApp:
    """Return the app of a page, a dialog or a widget."""
    return cast("BaseApp", node.app)
