"""Searches the logs of an ended attempt for a pattern, and quotes their last lines, masked."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from trainui.errors import TrainuiError
from trainui.execution.attempt import log_search
from trainui.pipeline.masking import Masker
from trainui.supervisor import protocol
from trainui.system import plain_files
from trainui.text import as_overwritten

TAIL_BYTES = 1 << 14
TAIL_LINES = 20


class SlowPatternError(TrainuiError):
    """A pattern for which a search of the logs takes too long."""

    code = "pattern"

    def __init__(self) -> None:
        super().__init__(
            f"it takes more than {log_search.SECONDS:g} s for some lines of the output; make it "
            "simpler: a repetition inside a repetition is the usual cause"
        )


def contain(attempt_dir: Path, pattern: str) -> bool:
    """Return True if stdout or stderr contains a pattern; `^` and `$` match at line ends.

    Raises:
        re.error: it is not a valid regular expression.
        SlowPatternError: it takes too long.
        OSError: the logs cannot be searched now.
    """
    re.compile(pattern, re.MULTILINE)
    with ExitStack() as opened:
        files = []
        for name in (protocol.STDOUT_FILE, protocol.STDERR_FILE):
            with suppress(FileNotFoundError):
                files.append(opened.enter_context(plain_files.open_plain(attempt_dir / name)))
        descriptors = [file.fileno() for file in files]
        command = [sys.executable, "-I", "-S", log_search.__file__, str(log_search.SECONDS)]
        found = subprocess.run(
            [*command, *map(str, descriptors)],
            input=pattern.encode(),
            capture_output=True,
            cwd="/",
            pass_fds=descriptors,
            check=False,
        )
    if found.returncode == -signal.SIGVTALRM:
        raise SlowPatternError
    if found.returncode not in (log_search.FOUND, log_search.NOT_FOUND):
        why = found.stderr.decode(errors="replace")[-200:]
        raise OSError(f"the search of the logs ended with {found.returncode}: {why}")
    return found.returncode == log_search.FOUND


def tail(attempt_dir: Path, masker: Masker) -> str:
    """Return the last lines of stderr, or of stdout if stderr is empty."""
    for name in (protocol.STDERR_FILE, protocol.STDOUT_FILE):
        if lines := [line for line in end_lines(attempt_dir / name, masker) if line]:
            return "\n".join(lines[-TAIL_LINES:])
    return ""


def last_match(attempt_dir: Path, pattern: re.Pattern[str], masker: Masker) -> str | None:
    """Return the last line near the end of stderr, else of stdout, that fully matches a pattern."""
    for name in (protocol.STDERR_FILE, protocol.STDOUT_FILE):
        for line in reversed(_end_of(attempt_dir / name, masker)):
            for part in reversed(line.split("\r")):
                if pattern.fullmatch(part.rstrip()):
                    return part.rstrip()
    return None


def end_lines(log: Path, masker: Masker, size: int = TAIL_BYTES) -> list[str]:
    """Return the last lines of a log, within `size` bytes, as a terminal shows them."""
    return [as_overwritten(line).rstrip() for line in _end_of(log, masker, size)]


def _end_of(log: Path, masker: Masker, size: int = TAIL_BYTES) -> list[str]:
    try:
        with plain_files.open_plain(log) as file:
            file.seek(0, 2)
            start = max(0, file.tell() - size)
            file.seek(start)
            data = file.read(size)
    except OSError:
        return []
    # masked before anything is cut or overwritten: no part of a secret is left over
    text = masker.text(data.decode("utf-8", "replace"))
    lines = text.replace("\r\n", "\n").split("\n")
    if start:  # the first line is cut: keep only what follows a carriage return
        lines[0] = lines[0].partition("\r")[2]
    return [line.rstrip() for line in lines]
