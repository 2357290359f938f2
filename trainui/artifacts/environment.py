"""What only a run's owner may read, kept 0600 in its directory: environment and secret values.

Never in the database, on the screen or in `--json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from trainui import paths, plain_files
from trainui.errors import UnfitEnvironmentError
from trainui.pipeline.substitution.secrets import Secrets
from trainui.supervisor.protocol import IDENTITY

ENVIRONMENT_FILE = "env.json"

_LEFT_OUT = frozenset({"DISPLAY", "PWD", "SHLVL"})
_OF_A_STAGE = frozenset(
    {*IDENTITY, "TRAINUI_STAGE_DIR", "TRAINUI_METRICS_FILE", "TRAINUI_CHECKPOINT"}
    | {"MASTER_PORT", "PET_MASTER_PORT"}
)
"""What a stage that submits a run was given itself."""
_LEFT_OUT_PREFIXES = ("SSH_", "TMUX", "XDG_", "DBUS_")


@dataclass(frozen=True, slots=True)
class ShellEnvironment:
    """What a stage's process inherits of the shell that submitted its run."""

    environ: Mapping[str, str]
    umask: int
    secrets: Secrets = field(default_factory=Secrets)
    """Of the run's pipeline."""


def kept(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that outlive the login session, or the stage, they belong to."""
    left_out = _LEFT_OUT | (_OF_A_STAGE if environ.get(IDENTITY[0]) else set())
    return {
        name: value
        for name, value in environ.items()
        if name not in left_out and not name.startswith(_LEFT_OUT_PREFIXES)
    }


def write(run_directory: Path, shell: ShellEnvironment) -> None:
    """Keep a run's environment, less what belongs to a login session, and its secrets."""
    content = {
        "environ": kept(shell.environ),
        "umask": shell.umask,
        "secrets": asdict(shell.secrets),
    }
    # ASCII: values that are no text come back as the bytes they were
    paths.write_private(run_directory / ENVIRONMENT_FILE, json.dumps(content, indent=1))


def read(run_directory: Path) -> ShellEnvironment:
    """Return what `write` kept.

    Raises:
        UnfitEnvironmentError: the file is gone or damaged.
    """
    file = run_directory / ENVIRONMENT_FILE
    try:
        content = json.loads(plain_files.read_bytes(file))
        secrets = Secrets(**content.get("secrets", {}))
        return ShellEnvironment(dict(content["environ"]), int(content["umask"]), secrets)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnfitEnvironmentError(
            f"{file} cannot be read: {error}; `trainui resume RUN --env` writes it anew"
        ) from error


def read_what_is_left(run_directory: Path) -> ShellEnvironment:
    """Return what `write` kept, or nothing where the file is gone or damaged."""
    try:
        return read(run_directory)
    except UnfitEnvironmentError:
        return ShellEnvironment({}, 0o077)


def current_umask() -> int:
    """Return this process's umask, without changing it where the system tells."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    except (OSError, ValueError):
        pass
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
