"""The cause of an attempt that failed, as it is stored: with the edit that would avoid it."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from trainui import clock, formatting, system
from trainui.errors import TrainuiError
from trainui.execution.attempt import cause
from trainui.execution.attempt.cause import Ending
from trainui.execution.attempt.prepared_process import AttemptContext, interpreter_of
from trainui.model.definition import StageDefinition
from trainui.pipeline.masking import Masker, is_secret
from trainui.plugin import Cause as CausePlugin
from trainui.plugin import EditFacts, FoundCause, PreparedEdit, registry
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.supervisor.protocol import Exit, ExitReason

KERNEL_LOG = "/dev/kmsg"

MOST_RECORDS, KERNEL_LOG_SECONDS = 50_000, 0.3
"""How much of the log is read: it has some thousand records."""

KILL_WINDOW = 5_000_000
"""Microseconds between a kill and the end of the process that can still be that one's."""

SECONDS = 1.0
"""The time for adding up what a `trainui prune` would free."""

_KILL = re.compile(
    r"(?:Out of memory|Memory cgroup out of memory): Kill(?:ed)? process (?P<pid>\d+) \("
)


# The kernel's log: the processes that it killed because memory ran out.


def out_of_memory_kill(pids: Iterable[int], ended_at: int) -> str:
    """Return the kernel's line about the kill of one of some processes; empty if it has none.

    `ended_at`: when they ended, in microseconds since 1970. A user who may not read the kernel's
    log, as in most containers, gets nothing.
    """
    now, since_boot = time.time() * 1e6, time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    return line_of_kill(_records(), frozenset(pids), ended_at - (now - since_boot))


def line_of_kill(records: Iterable[str], pids: frozenset[int], ended: float) -> str:
    """Return the newest such line in records of `/dev/kmsg`; `ended` is the time since the boot."""
    found = ""
    for record in records:
        head, _, text = record.partition(";")
        if (kill := _KILL.search(text)) is None or int(kill["pid"]) not in pids:
            continue
        fields = head.split(",")
        if len(fields) > 2 and fields[2].isdigit() and abs(int(fields[2]) - ended) < KILL_WINDOW:
            found = text.split("\n")[0].strip()
    return found


def _records() -> Iterable[str]:
    """Yield the records of the kernel's log, without waiting for more."""
    try:
        descriptor = os.open(KERNEL_LOG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    until = time.monotonic() + KERNEL_LOG_SECONDS
    try:
        for _ in range(MOST_RECORDS):
            try:
                record = os.read(descriptor, 8192)
            except BrokenPipeError:  # the record was overwritten: the next read has a later one
                continue
            except OSError:
                return
            if not record or time.monotonic() > until:
                return
            yield record.decode("utf-8", "replace")
    finally:
        os.close(descriptor)


_NAN = re.compile(r"\b(NaN|infinite)\b")

_PYTHON = re.compile(r"(?<![^\s;&|('\"])[\w.~-]*/[\w./~-]*/?python[\d.]*(?![\w/])")
"""The path of a Python in a command."""

_CHOOSES_PYTHON = re.compile(
    r"\b(activate|(conda|mamba|micromamba|uv|poetry|pixi|pdm|hatch|pipenv|rye) run|uvx|docker|"
    r"podman|apptainer|singularity|enroot|ssh)\b|\b(ba|z)?sh\b(?! -l?c)"
)
"""Commands in which another Python than that of the environment may run."""

_ABSOLUTE = re.compile(r"(?<![\w.~/-])[~/]\S|://")
"""An absolute path, or a URL."""

_OPTION = re.compile(
    r"(?:--?|\+{1,2})?(?P<name>[A-Za-z_][\w.\-/]*)=(?P<value>.+)|--(?P<long>[A-Za-z][\w.\-]*)"
)


def find(
    store: Database,
    context: AttemptContext,
    found: Exit,
    masker: Masker,
    error: str,
    checkpoints: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> dict[str, Any] | None:
    """Return why an attempt failed, as `show --json` has it; None if nothing shows it.

    `error` is the attempt's; `checkpoints`: all, and those of before the first NaN, newest first.
    """
    cause_of_end = _of_trainui(context.stage.definition, found, error)
    if cause_of_end is None and _ended_by_itself(found):
        directory = Path(context.attempt.directory)
        cause_of_end = cause.find(directory, _ending(context, found), masker)
    if cause_of_end is None and found.disk_full and _ended_by_itself(found):
        words = "The disk of the run was full when it ended, so that its logs may be cut short."
        cause_of_end = cause.known_cause("disk_full", words)
    if cause_of_end is None:
        return None
    cause_of_end = _with_place(context, cause_of_end)
    cause_of_end = replace(cause_of_end, fix=_with_facts(store, context, cause_of_end))
    edit = _edit(context, cause_of_end, checkpoints)
    record = {**asdict(cause_of_end), "edit": edit or cause_of_end.edit}
    return {name: masker.value(record[name]) for name in FIELDS}


FIELDS = ("id", "text", "evidence", "file", "line", "fix", "edit")
"""The fields of a cause in `show --json`."""


def _of_trainui(definition: StageDefinition, found: Exit, error: str) -> FoundCause | None:
    """Return the cause that trainui itself knows: an output, its time limit, an alert on NaN."""
    if found.exit_code == 0 and definition.outputs and error.startswith("output"):
        return cause.known_cause("no_output", f"It ended with 0, but an {error}.")
    if found.reason == ExitReason.TIMEOUT:
        limit = formatting.duration_text(definition.timeout or 0)
        return cause.known_cause("time_limit", f"It ran for longer than its timeout of {limit}.")
    if found.signalled and _NAN.search(error):
        return cause.known_cause("nan_loss", error.partition("\n")[0])
    return None


def _ended_by_itself(found: Exit) -> bool:
    """Return True if neither trainui ended it nor it did not start."""
    return found.reason == ExitReason.EXITED and not found.signalled


def _ending(context: AttemptContext, found: Exit) -> Ending:
    pids = (one for one in (context.attempt.pid,) if one is not None)
    ending = Ending(found.exit_code, found.signal, command=_command(context.stage.definition))
    killed = ending.by_signal == 9
    return replace(
        ending,
        oom_kill=found.oom_kill,
        kernel_line=out_of_memory_kill(pids, found.completed_at) if killed else "",
        memory=_memory(found.max_rss_bytes),
    )


def _memory(peak: int | None) -> str:
    if peak is None:
        return ""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        f"Its largest process had used {formatting.size(peak)} of this machine's "
        f"{formatting.size(total)}."
    )


def _command(definition: StageDefinition) -> str:
    command = definition.command or ""
    return command if isinstance(command, str) else shlex.join(command)


def _with_place(context: AttemptContext, found: FoundCause) -> FoundCause:
    """Return a cause with where the stage started, if a relative path leads to no file there."""
    if found.id != "file_not_found" or _ABSOLUTE.search(found.evidence):
        return found
    workdir = context.stage.definition.workdir
    return replace(found, text=f"{found.text.rstrip('.')}. The stage started in {workdir}.")


def _with_facts(store: Database, context: AttemptContext, found: FoundCause) -> str:
    """Return the fix with what is known here: the environment, or what a prune would free."""
    if found.id == "module_not_found":
        python = _interpreter(context)
        return f"{found.fix} It ran with {python}." if python else found.fix
    if found.id in ("disk_full", "quota_exceeded"):
        freed = _prunable(store)
        return f"`trainui prune` would free {freed}. {found.fix}" if freed else found.fix
    return found.fix


def _interpreter(context: AttemptContext) -> str:
    """Return the Python that ran a stage; empty: its command chooses one by other means."""
    command = _command(context.stage.definition)
    if _CHOOSES_PYTHON.search(command):
        return ""
    if (named := _PYTHON.search(command)) is not None:
        return named[0]
    try:
        return interpreter_of(context)
    except (TrainuiError, OSError):
        return ""


def _prunable(store: Database) -> str:
    """Return the size of the runs that `trainui prune` deletes; empty: none."""
    before, until = (
        clock.now() - views.KEPT_DAYS * 86_400 * clock.SECOND,
        time.monotonic() + SECONDS,
    )
    with store.read() as connection:
        old = views.old_runs(connection, keep=views.KEPT_RUNS, before=before)
    total = 0
    for run in old:
        total += system.used_bytes(Path(run.directory))
        if time.monotonic() > until:
            return f"at least {formatting.size(total)}"
    return formatting.size(total) if old else ""


def _edit(
    context: AttemptContext,
    found: FoundCause,
    checkpoints: tuple[Sequence[str], Sequence[str]],
) -> dict[str, Any] | None:
    definition = context.stage.definition
    params = {
        **_used_params(context),
        **definition.member_values,
        **definition.params,
        **_options(definition.command),
    }
    open_ones = {name: value for name, value in params.items() if not is_secret(name)}
    facts = EditFacts(open_ones, _command(definition), *checkpoints)
    for plugin in registry.records(CausePlugin):
        made: PreparedEdit | None = registry.ask(plugin, plugin.edit, found, facts)
        if made is not None:
            edit: dict[str, Any] = {"params": dict(made.params)}
            edit |= {"checkpoint": made.checkpoint} if made.checkpoint else {}
            return edit | ({"note": made.note} if made.note else {})
    return None


def _used_params(context: AttemptContext) -> Mapping[str, Any]:
    """Return the run's parameters that a stage uses; all of them if its file cannot be read."""
    from trainui.resume import edits

    if context.run.is_external:
        return context.run.params
    try:
        text = edits.text_on_record(context.run)
    except (TrainuiError, OSError):
        return context.run.params
    used = edits.used_params(text, context.stage.definition)
    return {name: value for name, value in context.run.params.items() if name in used}


def _options(command: str | Iterable[str] | None) -> Mapping[str, str]:
    """Return the options in a command, as `--lr 0.1`, `--lr=0.1` or `optim.lr=0.1`, by name."""
    if command is None:
        return {}
    try:
        words = shlex.split(command) if isinstance(command, str) else [*command]
    except ValueError:
        words = str(command).split()
    found: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if (option := _OPTION.fullmatch(word)) is None:
            continue
        if option["long"] is None:
            found[option["name"]] = option["value"]
        elif following and not following.startswith("--"):
            found[option["long"]] = following
    return {name: value for name, value in found.items() if "${" not in value}
