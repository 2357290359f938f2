"""Attempts that cannot be seen: their host is silent, or their executor does not answer.

Their end is not recorded until it is proved: a cancellation stays requested, and is carried out
when the host is back. Only a person may give one up before that.
"""

from __future__ import annotations

from trainui import clock, formatting, settings
from trainui.errors import UsageError
from trainui.execution.attempt.executors import Executors, job_of
from trainui.execution.attempt.launch import context_of
from trainui.model.records import AttemptRecord, HostRecord, StageRecord
from trainui.model.states import Status
from trainui.plugin.backends import JobState
from trainui.plugin.registry import PluginError
from trainui.store import hosts
from trainui.store.db.engine import Database
from trainui.store.runs import attempts, stage_requests
from trainui.store.runs.attempts import Outcome


def words(attempt: AttemptRecord, why: str) -> str:
    """Return the warning about an attempt that cannot be seen, for this reason."""
    asked, does = "", "its end is recorded"
    if attempt.cancel_requested_at is not None:
        asked = f"cancel requested at {formatting.clock_time(attempt.cancel_requested_at)}: "
        does = "it is ended"
    return (
        f"{asked}{why}{_process(attempt)}; {does} once it can be seen again; "
        "`trainui cancel --forget` gives it up, and ends nothing"
    )


def silence(host: HostRecord) -> str:
    """Return since when a host that shares the database is silent."""
    last = clock.now() - int(host.seconds * clock.SECOND)
    return f"the host {host.name} has sent no heartbeat since {formatting.clock_time(last)}"


def _process(attempt: AttemptRecord) -> str:
    return "" if attempt.pid is None else f" (process {attempt.pid})"


def reason(store: Database, stage: StageRecord) -> str:
    """Return why a running stage cannot be seen now; empty if it can, so that a cancel ends it."""
    with store.read() as connection:
        (*_, attempt) = attempts.of_stage(connection, stage.id)
        host = hosts.known(connection).get(attempt.host)
    if host is None or attempt.host == settings.host():
        why = _why_unseen(store, attempt)
    else:  # it shares the database, and looks after its attempts
        why = silence(host) if host.seconds >= hosts.SILENT_AFTER else ""
    return f"{why}; it may still run there{_process(attempt)}" if why else ""


def forget(store: Database, stage: StageRecord, why: str) -> None:
    """Record a running stage as cancelled although its processes may still run.

    Nothing is recorded if its attempt has ended meanwhile and another one began.
    """
    with store.write() as connection:
        (*_, attempt) = attempts.of_stage(connection, stage.id)
        if attempt.number == stage.attempt:
            stage_requests.request_stop(connection, stage)
            outcome = Outcome(Status.CANCELLED, clock.now(), error=f"given up, not ended: {why}")
            attempts.end(connection, attempt.id, outcome)


def _why_unseen(store: Database, attempt: AttemptRecord) -> str:
    """Return why an attempt cannot be seen from here; empty if it can."""
    if attempt.is_external:
        return ""  # an adopted process is this machine's
    try:
        look = Executors().look(attempt, job_of(context_of(store, attempt.id)))
    except (UsageError, PluginError) as error:  # e.g. the executor's package was removed
        return str(error)
    return look.problem if look.state == JobState.UNSEEN else ""
