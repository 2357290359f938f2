"""The places where attempts run: this machine and those of plugins; their directories.

The worker knows no other way to launch, look at, stop and bury an attempt. Also here: what becomes
of an attempt whose supervisor is dead (`Orphan`), and of one that cannot be seen.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from trainui import clock, formatting, paths, settings
from trainui.errors import TrainuiError, UnfitEnvironmentError, UsageError
from trainui.execution.attempt.prepared_process import AttemptContext, context_of, identity_of
from trainui.model.records import LOCAL, AttemptRecord, HostRecord, StageRecord
from trainui.model.states import Status
from trainui.plugin import registry
from trainui.plugin.backends import (
    Executor,
    ExecutorBackend,
    JobLook,
    JobState,
    Launched,
    StageJob,
)
from trainui.plugin.registry import PluginError
from trainui.resume import checkpoints, outputs
from trainui.store import hosts
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, stage_requests
from trainui.store.runs.attempts import Outcome
from trainui.supervisor import process, protocol
from trainui.supervisor.process import (
    SUPERVISOR_PATIENCE,
    ForkServer,
    ProbeState,
)
from trainui.supervisor.protocol import SUPERVISOR_FILE, ExitReason, JournalError
from trainui.supervisor.supervise import NEVER

POLL_EVERY = 0.05
"""Seconds between two checks that all processes of an earlier attempt have ended."""

SUPERVISOR = (sys.executable, "-I", "-S", "-X", "utf8")
"""The command of a job's supervisor, up to the copy beside the attempt's records."""

_STATES: Mapping[ProbeState, JobState] = {
    ProbeState.NONE: JobState.NONE,
    ProbeState.RUNNING: JobState.RUNNING,
    ProbeState.ORPHAN: JobState.ORPHAN,
    ProbeState.UNREADABLE: JobState.UNREADABLE,
    ProbeState.ENDED: JobState.GONE,
    ProbeState.LOST: JobState.GONE,
    ProbeState.REMOVED: JobState.GONE,
}


class LocalExecutor(ExecutorBackend):
    """Runs attempts on this machine, each under a supervisor that outlives the worker."""

    def __init__(self, fork_server: ForkServer | None = None) -> None:
        """Without a fork server, a supervisor is started for each attempt."""
        self._fork_server = fork_server

    def launch(self, job: StageJob) -> Launched:
        """Start the attempt's supervisor, and wait until its process runs."""
        return process.start(job.directory, fork_server=self._fork_server)

    def probe(self, job: StageJob) -> JobLook:
        """Look at the attempt's records, and at its processes where these do not decide."""
        with suppress(JournalError, OSError):
            quick = process.probe(job.directory)  # enough in nearly all cases
            if quick.state in (ProbeState.RUNNING, ProbeState.ENDED) and not _survivors(quick, job):
                return JobLook(_STATES[quick.state])
        found = process.probe(job.directory, job.identity)
        survivors = _survivors(found, job)
        state = JobState.ORPHAN if survivors else _STATES[found.state]
        return JobLook(state, found.problem, _shown(survivors or found.pids))

    def why_it_waits(self, job: StageJob) -> str:
        """Return that a process of it is stopped by a signal; empty if none is."""
        return process.find_stopped(job.directory) or ""

    def stop(self, job: StageJob, *, kill: bool = False) -> bool:
        """Signal the supervisor."""
        act = process.kill_supervisor if kill else process.request_stop
        return act(job.directory, job.identity)

    def prove_gone(self, job: StageJob) -> tuple[str, ...]:
        """End the processes that a dead supervisor has left; return the pids of the others."""
        try:
            left = process.kill_orphans(job.directory, job.stop_signal, job.grace, job.identity)
        except process.SupervisorLivesError:
            return ("its supervisor",)
        return _shown(left)


def _survivors(found: process.Probe, job: StageJob) -> list[int]:
    """Return the processes that survived SIGKILL, as its supervisor noted, and still live."""
    if found.exit is None or not found.exit.left:
        return []
    return process.processes_of(job.identity)


def _shown(pids: list[int] | tuple[int, ...]) -> tuple[str, ...]:
    return tuple(map(str, pids))


def job_of(context: AttemptContext) -> StageJob:
    """Return an attempt as its executor knows it."""
    attempt, definition = context.attempt, context.stage.definition
    directory = Path(attempt.directory)
    return StageJob(
        key=f"trainui-{attempt.celery_task_id}",
        directory=directory,
        command=(*SUPERVISOR, str(directory / SUPERVISOR_FILE), "--job", str(directory)),
        options=definition.executor_options,
        gpus=definition.gpus,
        cpus=definition.cpus,
        identity=identity_of(context),
        stop_signal=definition.stop_signal,
        grace=definition.grace,
    )


class _Guarded:
    """A plugin's backend: what it raises is noted, and becomes a PluginError."""

    def __init__(self, plugin: Executor, backend: object) -> None:
        self._plugin = plugin
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            with registry.guarded(self._plugin):
                return getattr(self._backend, name)(*arguments, **named)

        return call


class Executors:
    """The executors of one worker."""

    def __init__(self, fork_server: ForkServer | None = None) -> None:
        self._known: dict[str, ExecutorBackend] = {LOCAL: LocalExecutor(fork_server)}

    def named(self, name: str) -> ExecutorBackend:
        """Return an executor.

        Raises:
            UsageError: no package has one of this name.
            PluginError: it cannot be loaded.
        """
        if name not in self._known:
            plugin = find(name)
            backend = registry.run(plugin, plugin.backend)
            self._known[name] = cast(ExecutorBackend, _Guarded(plugin, backend))
        return self._known[name]

    def of(self, attempt: AttemptRecord) -> ExecutorBackend:
        """Return the executor of an attempt."""
        return self.named(attempt.executor)

    def look(self, attempt: AttemptRecord, job: StageJob) -> JobLook:
        """Look at an attempt; it is unseen if it runs on another host."""
        look = self.of(attempt).probe(job)
        is_known = look.state == JobState.RUNNING or bool(look.processes)
        if attempt.executor != LOCAL or attempt.host == settings.host() or is_known:
            return look
        # if this machine was only renamed, the boot id is still ours
        if protocol.is_of_this_boot(job.directory) or _has_ended(job):
            return look
        where = f"it runs on {attempt.host}, which cannot be seen from {settings.host()}"
        return JobLook(JobState.UNSEEN, where)


def _has_ended(job: StageJob) -> bool:
    with suppress(JournalError, OSError):
        return protocol.read_exit(job.directory) is not None
    return False


def find(name: str) -> Executor:
    """Return the plugin of an executor.

    Raises:
        UsageError: no package has one of this name.
        PluginError: it cannot be loaded.
    """
    plugin = registry.find(Executor, name)
    if plugin is None:
        known = ", ".join([LOCAL, *registry.names(Executor)])
        raise UsageError(f"no executor {name!r} is installed; known: {known}")
    return plugin


# Prepares a stage's directory for its next attempt: nothing of earlier ones runs in it.
#
# A trainer whose launcher died keeps writing checkpoints; two trainers of one stage would corrupt
# each other's. So every process of an earlier attempt is ended first. Then the directory is kept,
# or renamed to start with an empty one.


class PreviousAttemptLivesError(TrainuiError):
    """A process of an earlier attempt does not end, so no new attempt may start."""


def end_previous(earlier: Iterable[AttemptContext], executors: Executors) -> None:
    """End everything of earlier attempts, whose end is recorded.

    Raises:
        PreviousAttemptLivesError: something of one cannot be ended.
    """
    for one in earlier:
        _end_one(one, executors.of(one.attempt), job_of(one))


def _end_one(one: AttemptContext, executor: ExecutorBackend, job: StageJob) -> None:
    found = executor.probe(job)
    if found.state in (JobState.GONE, JobState.NONE, JobState.UNREADABLE):
        return
    executor.stop(job)
    give_up_at = time.monotonic() + job.grace + SUPERVISOR_PATIENCE
    while left := executor.prove_gone(job):
        if time.monotonic() > give_up_at:
            raise PreviousAttemptLivesError(
                f"attempt {one.attempt.number} still runs: {', '.join(left)} cannot be ended; no "
                "new attempt may start while it is alive: end it or restart the machine, then "
                "resume"
            )
        time.sleep(POLL_EVERY)


def move_away_if_fresh(
    store: Database, stage: StageRecord, earlier: Sequence[AttemptRecord]
) -> bool:
    """Rename a stage's directory to `STAGE~N` if the stage starts fresh; nothing is deleted.

    Returns True if it does. A worker may die at any point: the next one continues from there.

    Raises:
        OSError: it cannot be renamed.
    """
    with store.read() as connection:
        if not attempts.is_fresh(connection, stage.id):
            return False
    for one in earlier:
        checkpoints.disown(Path(one.directory))
    moved_to = _move_away(Path(stage.directory), earlier)
    with store.write() as connection:
        attempts.record_move(connection, stage, moved_to)
    return True


def make_records(directory: Path) -> None:
    """Create the directory of an attempt before it is claimed.

    It is never created later: if it is missing then, it was removed, maybe by the stage itself.

    Raises:
        OSError: it cannot be created.
        UnfitEnvironmentError: it cannot be made private.
    """
    for above in (directory.parents[1], directory.parent):
        paths.make_private(above)
    process.create_lock(paths.make_private(directory))


def move_forgotten(directory: Path) -> None:
    """Rename the directories of attempts that ran before an older database was restored.

    So none is taken for this attempt.

    Raises:
        OSError: one cannot be renamed.
        UnfitEnvironmentError: the records of one cannot be read.
        PreviousAttemptLivesError: one still runs.
    """
    for one in outputs.forgotten(directory):
        what = f"{one} belongs to an attempt that the restored database does not contain"
        try:
            is_alive = process.probe(one).state in (ProbeState.RUNNING, ProbeState.ORPHAN)
            pids = protocol.read_pids(one) if is_alive else None
        except protocol.JournalError as error:
            raise UnfitEnvironmentError(
                f"{what}, and {error}: make sure that its process has ended, move the directory "
                "away, then resume the run"
            ) from error
        if is_alive:
            raise PreviousAttemptLivesError(
                f"{what}, and its process{f' {pids.pid}' if pids else ''} still runs: end it, then "
                "resume the run"
            )
        one.rename(next(name for name in _numbered(one) if not name.exists()))


def _numbered(directory: Path) -> Iterator[Path]:
    return (directory.with_name(f"{directory.name}~{n}") for n in itertools.count(1))


def _move_away(directory: Path, earlier: Sequence[AttemptRecord]) -> Path | None:
    """Rename a stage's directory and those of its attempts; return its new path.

    Return None if neither exists. Completes a move that an earlier worker began.
    """
    recorded = [Path(one.directory) for one in earlier]
    own = [path for path in recorded if paths.stage_directory(path) == directory]
    target = _target(directory, own)
    for path in own:
        if path.is_relative_to(paths.records_directory(directory)) and path.exists():
            path.rename(paths.make_private(paths.records_directory(target)) / path.name)
    if directory.exists() and not target.exists():
        directory.rename(target)
    return target if _is_taken(target) else None


def _target(directory: Path, records: Sequence[Path]) -> Path:
    """Return the first free name, or the last used one if a move to it was interrupted."""
    taken = list(itertools.takewhile(_is_taken, _numbered(directory)))
    if taken and _was_interrupted(directory, taken[-1], records):
        return taken[-1]
    return directory.with_name(f"{directory.name}~{len(taken) + 1}")


def _was_interrupted(directory: Path, target: Path, records: Sequence[Path]) -> bool:
    """Return True if a move began and is not on record.

    If what was moved exists in both places, an older database and its files were restored since.
    """
    if directory.exists() and target.exists():
        return False
    moved = [(path, attempts.moved(path, directory, target)) for path in records]
    return any(after.is_dir() and not before.exists() for before, after in moved)


def _is_taken(directory: Path) -> bool:
    return directory.exists() or paths.records_directory(directory).exists()


class Orphan:
    """An attempt whose supervisor is dead and whose processes live, as this worker first saw it.

    It is judged by the supervisor's rules: the time limits, and that no process outlives the main
    process for long.
    """

    def __init__(self, context: AttemptContext, now: float) -> None:
        """Start watching an orphan."""
        self._directory = Path(context.attempt.directory)
        self._definition = context.stage.definition
        self._sizes = protocol.log_sizes(self._directory)
        self._grown_at = now

    def due(self, now: float) -> ExitReason | None:
        """Return why it has to be ended now; None if it may keep running.

        `exited` means that its main process has ended and others are left. A silence that began
        under the supervisor counts from this worker's first check.
        """
        pids = protocol.readable_pids(self._directory)
        if pids is None:
            return None  # its records were removed or cannot be read, so nothing is known
        if not process.is_leader_alive(pids):
            return ExitReason.EXITED
        if process.age(pids) >= (self._definition.budget or NEVER):
            return ExitReason.BUDGET
        if process.age(pids) >= (self._definition.timeout or NEVER):
            return ExitReason.TIMEOUT
        if (sizes := protocol.log_sizes(self._directory)) != self._sizes:
            self._sizes, self._grown_at = sizes, now
        if now - self._grown_at >= (self._definition.silence_timeout or NEVER):
            return ExitReason.SILENCE
        return None


# Attempts that cannot be seen: their host is silent, or their executor does not answer. Their end
# is not recorded until it is proved: a cancellation stays requested, and is carried out when the
# host is back. Only a person may give one up before that.


def unseen_words(attempt: AttemptRecord, why: str) -> str:
    """Return the warning about an attempt that cannot be seen, for this reason."""
    asked, does = "", "its end is recorded"
    if attempt.cancel_requested_at is not None:
        asked = f"cancel requested at {formatting.clock_time(attempt.cancel_requested_at)}: "
        does = "it is ended"
    return (
        f"{asked}{why}{_process(attempt)}; {does} once it can be seen again; "
        "`trainui cancel --forget` gives it up, and ends nothing"
    )


def silence_of(host: HostRecord) -> str:
    """Return since when a host that shares the database is silent."""
    last = clock.now() - int(host.seconds * clock.SECOND)
    return f"the host {host.name} has sent no heartbeat since {formatting.clock_time(last)}"


def _process(attempt: AttemptRecord) -> str:
    return "" if attempt.pid is None else f" (process {attempt.pid})"


def why_unseen(store: Database, stage: StageRecord) -> str:
    """Return why a running stage cannot be seen now; empty if it can, so that a cancel ends it."""
    with store.read() as connection:
        (*_, attempt) = views.attempts_of_stage(connection, stage.id)
        host = hosts.known(connection).get(attempt.host)
    why = ""
    if host is not None and attempt.host != settings.host():  # which looks after its attempts
        why = silence_of(host) if host.seconds >= hosts.SILENT_AFTER else ""
    elif not attempt.is_external:  # an adopted process is this machine's
        try:
            look = Executors().look(attempt, job_of(context_of(store, attempt.id)))
            why = look.problem if look.state == JobState.UNSEEN else ""
        except (UsageError, PluginError) as error:  # e.g. the executor's package was removed
            why = str(error)
    return f"{why}; it may still run there{_process(attempt)}" if why else ""


def give_up(store: Database, stage: StageRecord, why: str) -> None:
    """Record a running stage as cancelled although its processes may still run.

    Nothing is recorded if its attempt has ended meanwhile and another one began.
    """
    with store.write() as connection:
        (*_, attempt) = views.attempts_of_stage(connection, stage.id)
        if attempt.number == stage.attempt:
            stage_requests.request_stop(connection, stage)
            outcome = Outcome(Status.CANCELLED, clock.now(), error=f"given up, not ended: {why}")
            attempts.end(connection, attempt.id, outcome)
