"""The state of the user's code as a run was submitted: the commit, and what was not committed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Timer

from trainui import paths

CODE_FILE = "code.json"

TIME_LIMIT = 5.0
"""Seconds for all that git is asked: a submission must not wait for a slow disk."""

DIFF_LIMIT = 2_000_000
"""Bytes of a diff that are kept; a longer one is mostly data."""


@dataclass(frozen=True, slots=True)
class CodeState:
    """What git says of a directory; all None where it says nothing."""

    commit: str | None = None
    """The commit's hash."""
    dirty: bool | None = None
    """Whether files that git knows were changed since."""
    diff: str | None = None
    """Those changes, at most `DIFF_LIMIT` bytes of them."""


def record(directory: Path, run_directory: Path) -> None:
    """Write what git says of `directory` into a run's directory."""
    text = json.dumps(asdict(state_of(directory)), indent=1)
    paths.write_private(run_directory / CODE_FILE, text)


def state_of(directory: Path) -> CodeState:
    """Ask git about a directory; no failure of git's is ours."""
    deadline = time.monotonic() + TIME_LIMIT
    commit = _git(directory, deadline, "rev-parse", "HEAD")
    if commit is None:
        return CodeState()
    diff = _git(directory, deadline, "diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv")
    if diff is None:
        return CodeState(commit.strip())
    return CodeState(commit.strip(), bool(diff), diff)


def _git(directory: Path, deadline: float, *arguments: str) -> str | None:
    command = ("git", "-c", "core.fsmonitor=false", "-C", str(directory), *arguments)
    # no lock in the user's repository, whatever happens to us
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
        )
    except OSError:
        return None
    with process:
        output = _read(process, seconds=deadline - time.monotonic())
    whole = process.returncode == 0 or len(output) == DIFF_LIMIT
    return output.decode(errors="replace") if whole else None


def _read(process: subprocess.Popen[bytes], *, seconds: float) -> bytes:
    """Read at most `DIFF_LIMIT` bytes for so long, and end the process if there is more."""
    assert process.stdout is not None
    timer = Timer(max(seconds, 0.01), process.kill)
    timer.start()
    output = process.stdout.read(DIFF_LIMIT)
    if len(output) == DIFF_LIMIT:
        process.kill()
    else:
        process.wait()
    timer.cancel()
    return output
