"""Command lines typed at a terminal by a person who leaves each screen that opens."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

import pexpect

PATIENCE = 300
"""Seconds for one command, on a busy machine."""

SCREEN_OPENS = re.escape("\x1b[?1049h")


def type_in(
    script: str,
    environ: Mapping[str, str],
    directory: Path,
    answers: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run lines of bash on a terminal; return the exit code and what was to be seen.

    Args:
        script: the lines.
        environ: the environment.
        directory: where they are typed.
        answers: what is typed each time when a pattern is seen, besides `q` to a screen.
    """
    known = {SCREEN_OPENS: "q", **(answers or {})}
    seen = io.StringIO()
    child = pexpect.spawn(
        "bash",
        ["-c", script],
        cwd=str(directory),
        env={**environ, "TERM": "xterm-256color"},
        encoding="utf-8",
        codec_errors="replace",
        dimensions=(40, 120),
        timeout=PATIENCE,
    )
    child.logfile_read = seen
    try:
        while (found := child.expect([*known, pexpect.EOF])) < len(known):
            child.send(list(known.values())[found])
    except pexpect.TIMEOUT as error:
        raise AssertionError(f"it does not go on:\n{seen.getvalue()}") from error
    finally:
        child.close(force=True)
    return int(child.exitstatus or child.signalstatus or 0), seen.getvalue()
