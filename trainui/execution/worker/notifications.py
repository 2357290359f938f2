"""Sends notifications, and the daily digest, by the user's command and by Apprise.

Each is claimed once, whichever process claims it: it is recorded as sent before it is. Each channel
has a thread, and each notification a process that is killed after a minute, so a channel that fails
or hangs affects neither runs nor the other channel. Run as a program, this module is that process
for Apprise: it sends the message on stdin.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from trainui import clock, formatting, installation
from trainui.errors import StoreError
from trainui.execution import processes
from trainui.execution.processes import ServiceThread
from trainui.model.records import RunRecord
from trainui.model.states import DIGEST, Notification
from trainui.pipeline.masking import Masker, secrets_of
from trainui.settings import Settings
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.db.statements import Connection
from trainui.store.read import event_feed, run_in_json, time_worked, views
from trainui.store.runs import runs

logger = logging.getLogger(__name__)

TIMEOUT = 60.0
"""Timeout of one notification, in seconds."""

MOST_WAITING = 1000
"""Length of a channel's queue; further notifications are dropped and logged."""

AGAIN_AFTER = 1.0
"""Seconds until the next try after a store error."""

DIGEST_AGAIN_AFTER = 60.0
"""Seconds until the next try if the digest could not be made."""


class PendingNotifications:
    """Claims pending notifications; remembers the last event processed."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._seen_event = 0

    def claim(self) -> list[Notification]:
        """Return the pending notifications, and record them as sent.

        They are recorded first: if this process dies before it sends them, none is sent twice.
        """
        with self._store.read() as connection:
            last = event_feed.last(connection)
            alerts = event_feed.alerts_after(connection, self._seen_event)
            if not (alerts or runs.to_notify(connection)):
                self._seen_event = last
                return []
        with self._store.write() as connection:
            last_sent = int(views.flag(connection, runs.NOTIFIED) or 0)
            alerts = event_feed.alerts_after(connection, last_sent)
            ended = runs.to_notify(connection)
            runs.mark_notified(connection, [run.id for run in ended])
            if alerts:
                runs.set_flag(connection, runs.NOTIFIED, str(alerts[-1][0]))
            claimed = [notice for _, notice in alerts] + [_of_end(connection, run) for run in ended]
        self._seen_event = last
        return claimed


def begin_notifying(store: Database) -> None:
    """Mark all events so far as notified, in a store without this mark."""
    with store.write() as connection:
        if views.flag(connection, runs.NOTIFIED) is None:
            runs.set_flag(connection, runs.NOTIFIED, str(event_feed.last(connection)))


def digested_until(store: Database, now: int) -> int:
    """Return the time until which digests were sent; without one, they begin now."""
    with store.read() as connection:
        found = views.flag(connection, runs.DIGESTED)
    if found is None:
        with store.write() as connection:
            if (found := views.flag(connection, runs.DIGESTED)) is None:
                runs.set_flag(connection, runs.DIGESTED, found := str(now))
    return int(found)


def claim_digest(store: Database, since: int, until: int) -> bool:
    """Record that the digest of a time is sent; return False if another process did so.

    It is recorded first: if this process dies before it sends the digest, none is sent twice.
    """
    with store.write() as connection:
        if views.flag(connection, runs.DIGESTED) != str(since):
            return False
        runs.set_flag(connection, runs.DIGESTED, str(until))
    return True


def _of_end(connection: Connection, run: RunRecord) -> Notification:
    words = f"{run.name} {run.status.verb}"
    if run.started_at and run.completed_at:
        worked = time_worked.of_run(connection, run.id).until(run.completed_at)
        words += f" after {formatting.took(worked, run.started_at, run.completed_at)}"
    if named := event_feed.culprits(connection, run):
        words += f": {', '.join(named)}"
    return Notification(str(run.status), run.id, run.name, words)


APPRISE_KINDS = {
    "completed": "success",
    "failed": "failure",
    "interrupted": "failure",
    "cancelled": "info",
    "digest": "info",
}
"""Apprise's notification type for each event; `warning` for all others."""

APPRISE_MISSING = "the setting notify_urls needs Apprise: install the extra `trainui[notify]`"


class Notifier:
    """Sends new notifications through all configured channels."""

    def __init__(self, store: Database, settings: Settings) -> None:
        self._store = store
        self._pending = PendingNotifications(store)
        self._begun = False
        self._kinds = settings.notify_on
        programs: dict[str, Callable[[Notification], Program]] = {}
        if settings.notify_command is not None:
            programs["notify_command"] = partial(_command, settings.notify_command)
        if settings.notify_urls:
            programs["notify_urls"] = partial(_apprise, settings.notify_urls)
        self._channels = [
            _Channel(name, program, settings.notify_urls) for name, program in programs.items()
        ]

    def start(self) -> None:
        """Start the channels' threads."""
        with contextlib.suppress(StoreError):  # then the first `poll` does it
            self._begin()
        for channel in self._channels:
            channel.thread.start()

    def poll(self, *, changed: bool) -> None:
        """Take the new notifications and send them.

        They are taken even if no channel is configured; otherwise a channel configured later would
        send everything that ever happened.
        """
        if not self._begun:
            self._begin()
        elif not changed:
            return
        for notice in self._pending.claim():
            if notice.kind in self._kinds:
                self.send(notice)

    @property
    def has_channels(self) -> bool:
        """True if there is a way to send something."""
        return bool(self._channels)

    @property
    def is_sending(self) -> bool:
        """True while a channel has something to send."""
        return any(channel.is_sending for channel in self._channels)

    def send(self, notice: Notification) -> None:
        """Send a notification through all channels, in their threads."""
        for channel in self._channels:
            channel.put(notice)

    def _begin(self) -> None:
        begin_notifying(self._store)
        self._begun = True


class Program(NamedTuple):
    """A program that sends a notification."""

    argv: Sequence[str]
    text: str
    """Its standard input."""
    environ: Mapping[str, str]
    """Variables besides our own."""


class _Channel:
    """A channel: sends one notification after the other in a thread; failures are only logged."""

    def __init__(
        self, name: str, program: Callable[[Notification], Program], secrets: Sequence[str] = ()
    ) -> None:
        self.name = name
        self._secrets = secrets
        self._program = program
        self._queue: queue.Queue[Notification] = queue.Queue(MOST_WAITING)
        self.thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def put(self, notice: Notification) -> None:
        try:
            self._queue.put_nowait(notice)
        except queue.Full:
            logger.warning("%s is too slow; notification dropped: %s", self.name, notice.text)

    @property
    def is_sending(self) -> bool:
        """True while a notification waits or is sent."""
        return self._queue.unfinished_tasks > 0

    def _serve(self) -> None:
        while True:
            notice = self._queue.get()
            try:
                while not self._is_sent(notice):
                    time.sleep(AGAIN_AFTER)
            except Exception:
                logger.exception("%s could not send: %s", self.name, notice.text)
            finally:
                self._queue.task_done()

    def _is_sent(self, notice: Notification) -> bool:
        """Send a notification; return False if the store cannot be read now."""
        try:
            self._run(self._program(notice))
        except StoreError as error:
            engine.outages.failed(error)
            return False
        return True

    def _run(self, program: Program) -> None:
        output(self.name, program, self._secrets)


def output(name: str, program: Program, secrets: Sequence[str] = ()) -> str | None:
    """Run a program, and kill its process group after the timeout.

    Return its standard output, without secrets; if it failed, log all it printed and return None.
    """
    process = subprocess.Popen(
        program.argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **program.environ},
        start_new_session=True,
    )
    try:
        said, errors = process.communicate(program.text.encode(errors="replace"), TIMEOUT)
    except subprocess.TimeoutExpired:
        logger.warning("%s timed out after %.0f s and was killed", name, TIMEOUT)
        return None
    finally:
        _end(process)
    if process.returncode:
        said += errors
    known = (*secrets, *secrets_of(os.environ))
    words = Masker(known).text(said.decode(errors="replace").strip())
    if process.returncode:
        logger.warning("%s ended with exit code %d: %s", name, process.returncode, words)
        return None
    return words


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a program's process group and close its pipes, which its children may keep open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _command(command: str, notice: Notification) -> Program:
    """Return the user's command: the run's summary or the body on stdin, the event in variables."""
    if not (text := notice.body):
        with engine.reading() as connection:
            run = views.run(connection, notice.run_id)
            text = "" if run is None else json.dumps(run_in_json.run_in_full(connection, run))
    about = {"TRAINUI_EVENT": notice.kind, "TRAINUI_MESSAGE": notice.text}
    return Program(["sh", "-c", command], text, {**about, **installation.python_path_of_user()})


def _apprise(urls: Sequence[str], notice: Notification) -> Program:
    """Return Apprise; URLs contain passwords, so they are passed on stdin."""
    message = {
        "urls": list(urls),
        "kind": notice.kind,
        "text": notice.text,
        "body": notice.body,
    }
    return Program([sys.executable, "-P", "-m", __name__], json.dumps(message), {})


# Sends the digest of `trainui digest` once a day, through the channels of notifications.
#
# A digest covers what happened since the last one. If the worker was down at that time of day,
# the next one sends it; where there is nothing to report, none is sent.


class DigestSender:
    """Has the digest made when it is due, in a thread, by a process with a time limit."""

    def __init__(
        self,
        store: Database,
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
            self._since, changed = digested_until(self._store, now), True
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
            self._again_at = time.monotonic() + DIGEST_AGAIN_AFTER
        elif claim_digest(self._store, since, until):
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


def send_by_apprise() -> str | None:
    """Send the message from stdin, in a process of its own; return an error message or None."""
    message = json.load(sys.stdin)
    try:
        import apprise
    except ImportError:
        return APPRISE_MISSING
    sender = apprise.Apprise()
    wrong = [url for url in message["urls"] if not sender.add(url)]
    kind = APPRISE_KINDS.get(message["kind"], "warning")
    body, title, form = message["text"], "trainui", None
    if message["body"]:
        body, title, form = message["body"], f"trainui: {body}", "markdown"
    sent = not len(sender) or sender.notify(
        body=body, title=title, notify_type=kind, body_format=form
    )
    if wrong:
        return f"Apprise does not support {len(wrong)} of the URLs in notify_urls"
    return None if sent else "not every notification could be sent"


if __name__ == "__main__":
    sys.exit(send_by_apprise())
