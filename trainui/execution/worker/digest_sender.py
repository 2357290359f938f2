"""Sends the digest of `trainui digest` once a day, through the channels of notifications.

A digest covers what happened since the last one. If the worker was down at that time of day, the
next one sends it; where there is nothing to report, none is sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from trainui import clock
from trainui.execution import processes
from trainui.execution.service_thread import ServiceThread
from trainui.execution.worker.notifications import Notifier, Program, output
from trainui.model.notifications import DIGEST, Notification
from trainui.settings import Settings
from trainui.store.db.engine import Store
from trainui.store.read import event_feed
from trainui.store.runs import notifications

AGAIN_AFTER = 60.0
"""Seconds until the next try if the digest could not be made."""


class DigestSender:
    """Has the digest made when it is due, in a thread, by a process with a time limit."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        notifier: Notifier,
        stopping: threading.Event,
        now: Callable[[], int] = clock.now,
    ) -> None:
        self._store = store
        self._at = settings.notify_digest if notifier.has_channels else None
        self._secrets = settings.notify_urls
        self._notifier = notifier
        self._now = now
        self._since: int | None = None
        """The end of the last digest; None: to be read."""
        self._is_unreported = False
        self._is_busy = False
        """True while the thread has a digest to send; it owns the other fields meanwhile."""
        self._again_at = 0.0
        """The earliest next try, by the monotonic clock."""
        self._thread = ServiceThread("digest", self._send, stopping)

    @property
    def is_waiting(self) -> bool:
        """True while something is not reported yet, or a digest is on its way."""
        if self._at is None:
            return False
        return self._is_busy or self._is_unreported or self._notifier.is_sending

    def poll(self, *, changed: bool) -> None:
        """Look for what is not reported yet; if a digest is due, have the thread send it."""
        if self._at is None or self._is_busy:
            return
        now = self._now()
        if self._since is None:
            self._since, changed = notifications.digested_until(self._store, now), True
        due = last_time(self._at, now)
        is_due = self._since < due
        if changed or is_due:
            with self._store.read() as connection:
                self._is_unreported = event_feed.is_any_since(
                    connection, self._since, active_at=due if is_due else 0
                )
        if is_due and time.monotonic() >= self._again_at:
            self._is_busy = True
            self._thread.wake()

    def stop(self, within: float) -> None:
        """Wait until the thread has ended; the worker is stopping."""
        self._thread.stop(within)

    def _send(self) -> None:
        since, until = self._since, self._now()
        if since is None or not self._is_busy:
            return
        made = self._made(since) if self._is_unreported else ""
        if made is None:
            self._again_at = time.monotonic() + AGAIN_AFTER
        elif notifications.claim_digest(self._store, since, until):
            if made:
                self._notifier.send(Notification(DIGEST, "", "", _headline(made), f"{made}\n"))
            self._is_unreported = False
        self._since, self._is_busy = None, False

    def _made(self, since: int) -> str | None:
        """Return the digest as Markdown; None if it could not be made."""
        begin = clock.to_iso(since) or ""
        argv = processes.module_argv("trainui", "digest", "--since", begin, "--markdown")
        return output("trainui digest", Program(argv, "", {}), self._secrets)


def last_time(at: str, now: int) -> int:
    """Return when it was this time of day last, e.g. `08:00`, in local time."""
    moment = clock.to_datetime(now).astimezone().replace(tzinfo=None)
    hour, minute = map(int, at.split(":"))
    found = moment.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if found > moment:
        found -= timedelta(days=1)
    return int(found.astimezone().timestamp()) * clock.SECOND


def _headline(digest: str) -> str:
    """Return the first paragraph after the title."""
    return next((line for line in digest.splitlines()[1:] if line), "")
