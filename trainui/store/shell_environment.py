"""A run's environment and secret values, stored in its directory with mode 0600.

They are never in the database, on the screen or in `--json`. A stage gets the environment, CPUs,
nice value and limits of the shell that submitted its run, and not of the one that happened to start
the worker. The supervisor sets them in the stage's process, as far as it is permitted to.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
from collections.abc import Mapping
from dataclasses import asdict, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from trainui import paths, system
from trainui.errors import UnfitEnvironmentError
from trainui.pipeline import template
from trainui.pipeline.masking import Masker, Secrets, assigned, secrets_of
from trainui.record import dataclass
from trainui.supervisor.protocol import IDENTITY

MOST_MADE = 64
"""Runs whose secrets are masked in the log of this process: those that it last had to do with."""

ENVIRONMENT_FILE = "env.json"

_NOT_INHERITED = frozenset({"DISPLAY", "OLDPWD", "PWD", "SHLVL", "_"})
SET_BY_TRAINUI = frozenset(
    {*IDENTITY, "TRAINUI_STAGE_DIR", "TRAINUI_METRICS_FILE", "TRAINUI_CHECKPOINT"}
    | {"MASTER_PORT", "PET_MASTER_PORT"}
)
"""Variables that trainui sets for a stage, not to be inherited by a run that the stage submits."""
_KINDS = sorted(name.removeprefix("RLIMIT_") for name in dir(resource) if name[:7] == "RLIMIT_")
"""Names of the resource limits."""

_NOT_INHERITED_PREFIXES = ("SSH_", "TMUX", "XDG_", "DBUS_")


@dataclass(frozen=True, slots=True)
class ShellEnvironment:
    """The part of the submitting shell that a stage's process inherits."""

    environ: Mapping[str, str]
    umask: int
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Its CPUs, nice value and resource limits (`current_limits`); empty if not recorded."""
    secrets: Secrets = field(default_factory=Secrets)
    """The secret values of the run's pipeline."""
    former: tuple[str, ...] = ()
    """Secret values of before an edit or `--env`: logs of earlier attempts may contain them."""

    def known_secrets(self) -> set[str]:
        """Return all secret values that the run's stages have or had, also nested ones."""
        stages = self.secrets.stages.values()
        own = [fields.get(name, {}) for fields in stages for name in _VALUES]
        own += [assigned(fields.get(name)) for fields in stages for name in _COMMANDS]
        found = {*self.former}
        for values in (self.environ, self.secrets.params, *own):
            found.update(secrets_of(values))
        return found | {_with_variables(secret, self.environ) for secret in found}


_VALUES = ("env", "params")
"""The fields of a stage that give values names."""
_COMMANDS = ("command", "resume_run")


def _with_variables(text: str, environ: Mapping[str, str]) -> str:
    """Return a value with `${env.NAME}` substituted, as its process gets it."""
    parts = template.parse(text) if "${" in text else ()
    return "".join(
        environ.get(part.key, "") if isinstance(part, template.Variable) else part for part in parts
    )


def inheritable(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that remain valid after the login session or stage has ended."""
    left_out = _NOT_INHERITED | (SET_BY_TRAINUI if environ.get(IDENTITY[0]) else set())
    return {
        name: value
        for name, value in environ.items()
        if name not in left_out and not name.startswith(_NOT_INHERITED_PREFIXES)
    }


def write(run_directory: Path, shell: ShellEnvironment) -> None:
    """Store a run's environment, without variables of the login session, and its secrets.

    The secrets of the file before are kept, to be masked.
    """
    former = read_or_empty(run_directory).known_secrets() - shell.known_secrets()
    content = {
        "environ": inheritable(shell.environ),
        "umask": shell.umask,
        "limits": shell.limits,
        "secrets": asdict(shell.secrets),
        "former": sorted(former.union(shell.former)),
    }
    # ASCII escapes preserve values that are not valid UTF-8
    paths.write_private(run_directory / ENVIRONMENT_FILE, json.dumps(content, indent=1))


def read(run_directory: Path) -> ShellEnvironment:
    """Return what `write` stored; raise UnfitEnvironmentError if the file is missing or damaged."""
    file = run_directory / ENVIRONMENT_FILE
    try:
        content = json.loads(system.read_bytes(file))
        secrets = Secrets(**content.get("secrets", {}))
        return ShellEnvironment(
            environ=dict(content["environ"]),
            umask=int(content["umask"]),
            limits=dict(content.get("limits", {})),
            secrets=secrets,
            former=tuple(content.get("former", ())),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UnfitEnvironmentError(
            f"{file} cannot be read: {why}; `trainui resume RUN --env` rewrites it"
        ) from error


def read_or_empty(run_directory: Path) -> ShellEnvironment:
    """Return what `write` stored; an empty environment if the file is missing or damaged."""
    try:
        return read(run_directory)
    except UnfitEnvironmentError:
        return ShellEnvironment({}, 0o077)


def recorded_variables(run_directory: Path) -> Mapping[str, str] | None:
    """Return the variables that `write` stored; None if they cannot be read."""
    try:
        return read(run_directory).environ
    except UnfitEnvironmentError:
        return None


def masker(run_directory: Path) -> Masker:
    """Return what masks a run's secrets in every text that is quoted, stored, shown or sent.

    A stage's own output, its logs and files, stays as it is.
    """
    status = system.look(run_directory / ENVIRONMENT_FILE)
    if status is None:
        return Masker()
    return _masker(run_directory, status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _masker(run_directory: Path, *_version: int) -> Masker:
    made = Masker(read_or_empty(run_directory).known_secrets())
    while len(_made) >= MOST_MADE:
        del _made[next(iter(_made))]
    _made[run_directory] = made
    return made


_made: dict[Path, Masker] = {}


class MaskedFormatter(logging.Formatter):
    """Formats records of a log with the secrets of `MOST_MADE` runs masked, also in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        text = super().format(record)
        for one in list(_made.values()):
            text = one.text(text)
        return text


def of_this_shell(environ: Mapping[str, str], secrets: Secrets | None = None) -> ShellEnvironment:
    """Return what a stage inherits from the shell that started this process."""
    umask, limits = current_umask(), current_limits()
    return ShellEnvironment(environ, umask, limits, secrets or Secrets())


def current_umask() -> int:
    """Return this process's umask, without changing it if /proc shows it."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    except (OSError, ValueError):
        pass
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def current_limits() -> dict[str, Any]:
    """Return this process's `cpus`, `nice`, and `limits` by name, each soft and hard (-1: none).

    `cpus` is None on a system without affinity.
    """
    return {
        "cpus": _cpus(),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": {
            name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in _KINDS
        },
    }


def _cpus() -> list[int] | None:
    """Return the CPUs that this process may use; empty: all that the first process may use.

    All is not a list, since the stage may run on a host or in a container with others.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    own = os.sched_getaffinity(0)
    every = set(range(os.cpu_count() or 1))
    with contextlib.suppress(OSError):
        every = os.sched_getaffinity(1)
    return [] if own == every else sorted(own)
