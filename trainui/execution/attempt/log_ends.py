"""Searches an attempt's logs, and quotes masked their last lines, or the exception in them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from bisect import bisect
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from trainui import system
from trainui.errors import TrainuiError
from trainui.execution import tracebacks
from trainui.execution.attempt import log_search
from trainui.execution.tracebacks import Raised
from trainui.pipeline.masking import Masker
from trainui.plugin import Cause as CausePlugin
from trainui.plugin import FoundCause, registry
from trainui.record import dataclass
from trainui.supervisor import protocol
from trainui.text import as_overwritten, harmless

TAIL_BYTES = 1 << 14
"""Bytes at the end of a log in which its last lines are found."""
TAIL_LINES = 20
"""Lines that an error quotes: what fits a screen."""

SEARCHED = 1 << 18
"""Bytes searched at the end of a log: enough for tracebacks of many ranks and the noise."""

LONGEST_LINE = 2000
"""Characters of a line that are examined."""

MOST_LINES = 20
"""Lines of a traceback that are quoted."""

LAST_LINES = 20
"""Lines at the end of the log in which an error line outside a traceback is accepted."""

MOST_TRAILING = 40
"""Lines that may follow a traceback without a launcher's report, e.g. a logger's summary."""

SHORT_STDERR = 3
"""Lines of stderr up to which its last one is taken for the message of `sys.exit("...")`."""


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
                files.append(opened.enter_context(system.open_plain(attempt_dir / name)))
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
        with system.open_plain(log) as file:
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


# Finds the line of an error: the original exception, not the noise after it.
#
# Launchers append reports (torchrun a box, Hydra advice, `accelerate launch` a second traceback),
# and the other ranks of a distributed training append errors about the rank that died. The line
# is above all of these.


_RANK = re.compile(r"\[(rank|default)?\d+\]: ?|\d+: ")

_OF_LAUNCHERS = re.compile(
    r"([\w.]*\.)?(ChildFailedError|CalledProcessError|ProcessRaisedException|"
    r"ProcessExitedException|SignalException|RayTaskError\(.*\))(:.*)?"
)
"""Exceptions of launchers about the process that failed."""

_AFTERMATH = re.compile(
    r".*(Connection (closed|reset) by |Broken pipe|[Rr]emote (process|worker)|"
    r"NCCL (error|communicator|operation)|Socket closed).*|SystemExit(: \d+)?|KeyboardInterrupt"
)
"""Exceptions that follow from an earlier failure of another process or thread."""

_CAUSES = re.compile(
    r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)\b.*|(FAILED|ERROR) \S+ - .*|"
    r"([\w./-]+: )?(fatal |Fatal Python |FATAL |internal )?(error|Error|ERROR): .*|"
    r"\s*what\(\):\s.*|\S+: (line \d+: )?.*: (command not found|No such file or directory|"
    r"Permission denied)|\S+: (can't open file|No module named) .*|"
    r"(\S+: )?.*(Segmentation fault|Bus error|core dumped).*"
)
"""Error lines outside a traceback."""


_NO_MESSAGE = re.compile(r"\s.*|Traceback .*|.*(\d\.\d|%|[Ww]arning|WARN|INFO|DEBUG).*")
"""Lines of progress and of loggers."""

_NOISE = re.compile(r"(srun: error: .*(Exited with exit code|Terminated)|make(\[\d+\])?: \*\*\*).*")


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """The line of a log that an error quotes."""

    text: str
    """One line, prefixed with the rank if it has one."""
    excerpt: tuple[str, ...] = ()
    """The traceback that ends with this line."""


def error_line(attempt_dir: Path, masker: Masker, *, exited: bool = True) -> ErrorLine | None:
    """Return the line by which the process of an attempt failed; None if its logs show none.

    `exited`: it ended by itself, so its last words may be that line.
    """
    from trainui.execution.attempt import cause as cause_rules  # late: most attempts complete

    survived = cause_rules.went_on_after(attempt_dir, masker)
    ends = [
        []
        if went_on
        else [harmless(line[:LONGEST_LINE]) for line in end_lines(log, masker, SEARCHED)]
        for log, went_on in zip(
            (attempt_dir / protocol.STDERR_FILE, attempt_dir / protocol.STDOUT_FILE),
            survived,
            strict=True,
        )
    ]
    surest = partial(_of_plugins, last_resort=False)
    others = partial(_of_plugins, last_resort=True)
    for search in (surest, _of_tracebacks, others, _of_last_lines):
        for lines in ends:
            if (line := search(lines)) is not None:
                return line
    return _of_exit_message(ends[0]) if exited else None


def _of_plugins(lines: Sequence[str], *, last_resort: bool) -> ErrorLine | None:
    """Return what the first plugin says that recognises a log's end."""
    for plugin in registry.records(CausePlugin):
        if plugin.is_last_resort == last_resort:
            found: FoundCause | None = registry.ask(plugin, plugin.find, lines)
            if found is not None:
                return ErrorLine(found.text, (found.evidence,) if found.evidence else ())
    return None


def _of_tracebacks(lines: Sequence[str]) -> ErrorLine | None:
    """Return the exception of the process, or the rank, that failed first."""
    raised = list(tracebacks.exceptions(lines))
    if not any(map(_is_of_launcher, raised)):
        raised = _near_the_end(raised, lines)
    own = [one for one in raised if not _is_of_launcher(one)]
    report = _torchrun_report(lines)
    first = f"[rank{report['rank'].partition(' ')[0]}]" if "rank" in report else None
    if causes := [one for one in own if not _is_aftermath(one)]:
        of_first = [one for one in causes if first and one.prefix.startswith(first)]
        return _last_of_one(of_first or causes, lines)
    if report:
        return ErrorLine(_reported(report))
    return _last_of_one(own or raised, lines) if raised else None


def _is_of_launcher(raised: Raised) -> bool:
    return _OF_LAUNCHERS.fullmatch(raised.text) is not None


def _is_aftermath(raised: Raised) -> bool:
    return raised.is_ignored or _AFTERMATH.fullmatch(raised.text) is not None


def _near_the_end(raised: Sequence[Raised], lines: Sequence[str]) -> list[Raised]:
    """Return the exceptions near the end of the log; the process survived the others."""
    covered = {place for one in raised for place in one.places(lines)}
    plain = [at for at, line in enumerate(lines) if line.strip() and at not in covered]
    return [one for one in raised if len(plain) - bisect(plain, one.at) <= MOST_TRAILING]


def _last_of_one(raised: Sequence[Raised], lines: Sequence[str]) -> ErrorLine:
    """Return the last exception of the process or rank that failed first."""
    chosen = [one for one in raised if one.prefix == raised[0].prefix][-1]
    rank = chosen.prefix.strip() + " " if _RANK.fullmatch(chosen.prefix) else ""
    text = chosen.text
    if text.rstrip().endswith(":") and chosen.message:
        at, more = chosen.message[0]  # the message begins below the exception's name
        if at == chosen.at + 1 and more.strip("=- "):
            text = f"{text.rstrip()} {more.strip()}"
    return ErrorLine(rank + text, tuple(lines[place] for place in chosen.places(lines)))


def _torchrun_report(lines: Sequence[str]) -> dict[str, str]:
    """Return torchrun's report of the rank that failed first; empty if there is none."""
    starts = [at for at, line in enumerate(lines) if line.startswith("Root Cause (first observed")]
    found: dict[str, str] = {}
    for line in lines[starts[-1] + 1 :] if starts else ():
        name, separator, value = line.strip().partition(" : ")
        if separator:
            found.setdefault(name.strip(), value.strip())
    return found


def _reported(report: Mapping[str, str]) -> str:
    said = report.get("traceback", "")
    what = said if said.startswith("Signal") else f"exit code {report.get('exitcode', '')}"
    return f"rank {report.get('rank', '?').partition(' ')[0]}: {what}"


def _of_last_lines(lines: Sequence[str]) -> ErrorLine | None:
    """Return the last error line near the end of the log."""
    last = [line.rstrip() for line in lines if line.strip()][-LAST_LINES:]
    causes = [one for one in last if _CAUSES.fullmatch(one) and not _NOISE.fullmatch(one)]
    return ErrorLine(causes[-1].strip()) if causes else None


def _of_exit_message(stderr: Sequence[str]) -> ErrorLine | None:
    """Return the last line of a short stderr, e.g. that of `echo no data >&2; exit 1`."""
    said = [line.rstrip() for line in stderr if line.strip()]
    is_short = 0 < len(said) <= SHORT_STDERR
    if not is_short or _NO_MESSAGE.fullmatch(said[-1]) or _NOISE.fullmatch(said[-1]):
        return None
    return ErrorLine(said[-1])
