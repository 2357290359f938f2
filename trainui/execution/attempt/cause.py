"""Chooses why an attempt failed, among what the rules of plugins recognise in its logs and its end.

What decides, in this order: who ended the process from outside (a scheduler's lines, the kernel's
record); the exception that ended it, of several processes that of the one that failed first, with
what is printed above it; the last lines; the exit code or signal. An exception that the program
survived shows nothing. No cause is better than a wrong one.
"""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from trainui import system
from trainui.execution import tracebacks
from trainui.execution.tracebacks import CodePlace, Link, Raised
from trainui.pipeline.masking import Masker
from trainui.plugin import Cause as CausePlugin
from trainui.plugin import CauseRule, FoundCause, Shown, registry
from trainui.plugin.registry import PluginError
from trainui.record import dataclass
from trainui.supervisor import protocol
from trainui.text import as_overwritten, harmless

FIRST_BYTES, LAST_BYTES = 1 << 18, 2 << 20
"""Bytes read at the beginning and at the end of each log: drivers warn at the start."""

SECONDS = 1.0
"""The CPU time for choosing, the same answer on a busy machine; after it, what was found counts."""

LATER = 2_000_000
"""Microseconds after one log's last growth from which on the other's is later for sure: sizes are
noted once a second, and what a process prints at its end reaches both logs at about one time."""

LONGEST_LINE, LONGEST_EVIDENCE = 2000, 1000
"""Characters of a line that are examined, and quoted."""

LONGEST_LAST_LINE = 500
"""Characters of a line outside of tracebacks in which rules are searched."""

CARRIED = 0.9
"""The share of lines with a time from which on all of them are without it."""

LAST_LINES = 150
"""Lines at the end of a log, without tracebacks, in which a line of a rule counts."""

MOST_FOLLOWING, MOST_AFTER_REPORT = 0, 6
"""Other lines that may follow a last line that shows a cause; more where it reports an error."""

MOST_TRAILING = 40
"""Lines that may follow the traceback that ended a process, e.g. a logger's summary."""

STRONG = 40
"""The weight from which on a rule recognises more than the type of an exception."""

SURE = 58
"""The weight from which on a last line says more than an exception of a common type."""

OUTRANKS = 50
"""The weight from which on an exception is the cause, whatever was raised while it was handled."""

MOST_EXAMINED = 1000
"""Lines below a traceback that are examined for progress."""

_LAUNCHER = re.compile(
    r"([\w.]*\.)?(ChildFailedError|CalledProcessError|ProcessRaisedException|SignalException)\b.*|"
    r"srun: error: .*|torchrun.*|Root Cause \(first observed failure\).*|"
    r"(WARNING:|ERROR:|\[?[WE]\d{4} ).*torch[./]distributed[./]elastic.*|"
    r".*\[launch\.py:\d+:sigkill_handler\].*|mpirun (has exited|noticed).*|\[rank\d+\]:? .*"
)
"""Lines of launchers, after which other processes of the training may have printed more."""

_AFTERMATH = re.compile(
    r".*(Connection (closed|reset) by |Broken ?[Pp]ipe|[Rr]emote (process|worker|peer)|"
    r"NCCL (error|communicator|operation)|ncclRemoteError|[Ss]ocket (closed|Timeout)|"
    r"recvValue failed|ActorDiedError|RayActorError|[Ff]ailed to recv, got 0 bytes|"
    r"DistBackendError|BrokenProcessPool|TerminatedWorkerError|"
    r"DataLoader worker \(pid\S* \S+\) exited unexpectedly).*|SystemExit(: .*)?|"
    r"KeyboardInterrupt|EOFError:?\s*"
)
"""Exceptions that follow from the end of another process, or from a signal."""

_SURVIVED = re.compile(
    r"(?i)(?!Exception ignored in)"
    r".*\b(retry(ing)?|retries|skip(ping|ped)?|continu(e|ing)|ignor(ed|ing)|fall(ing)? ?back|"
    r"fallback|recover(ed|ing)|reduc(ed|ing)|halv(ed|ing)|lower(ed|ing) |trying again|attempt \d+|"
    r"will (try|use)|using .* instead|disabling|(?<!NCCL )\w*warn(ing)?s?|imputed|"
    r"(sample|batch|row|record|item|step)s? (dropped|not applied)|was (killed and )?restarted|"
    r"(building|reading|starting) it again|"
    r"if you (see|get|hit|run into|encounter)|in case of|failed call to cuInit|"
    r"optional(ly)?|pip's dependency resolver|, (re)?building|(not found|missing), (creat|"
    r"initiali)\w+|"
    r"thrown while requesting|(potential|possible|common) (root )?(causes|reasons))\b.*|"
    r".*; (using|used|kept|dropped|evaluated|validating|cache kept)\b.*|"
    r"(\S+ \S+: |\[)[WI] .*|\[?[WI]\d{4} .*|"
    r"\s+[-\w.'\"]+ ?[:=] ?(?P<quote>['\"]).*(?P=quote),?"
)
"""Lines about a problem that the program copes with, and of a configuration's texts."""

_COPES = re.compile(
    r"(?i)\W*(\w+ ){0,3}(retrying|skipping|continuing|falling back|ignoring|trying again)\b.*"
)
"""The same, below the message of an exception."""

_REPORT = re.compile(
    r"(?i).*\b(\w*error|\w*exception|fatal|critical|fail(ed|s|ure)?|cannot|can't|could not|"
    r"abort\w*|"
    r"kill(ed|ing)?|SIGKILL|panic\w*|denied|traceback)\b.*|(\[rank\d+\]:)?\[?(E\d{4}|E) .*|"
    r"\S*sh: .*not found|.*(command not found|No such file).*"
)
"""Lines that report an error."""

_OF_OTHERS = re.compile(
    r"\s|frame #|[a-z][a-z0-9]*: |\S+:\d+:\d+ \[\d+\] NCCL |[╭│╰+|]|(Current t|T)hread 0x|"
    r"Set the environment variable |(WARNING:|ERROR:|"
    r"\[?[WE]\d{4} ).*torch[./]distributed[./]elastic|"
    r"Error in .+ \(line \d+\)$|Calls: |Execution halted|Stacktrace:|in expression starting at "
)
"""Lines of the exception itself, of frames and boxes, and of programs that begin theirs with their
names."""

_OF_MATLAB = re.compile(r"Error in .+ \(line \d+\)")
"""A frame of MATLAB's, whose source is the next line."""

_TEARDOWN = re.compile(
    r"(?i).*\b(shut(ting|s)? ?down|clos(ed?|ing)|stopp(ed|ing)|terminat\w*|clean(ing|ed)? ?up|"
    r"exit\w*|tear\w* ?down|destroy\w*|abort\w*|kill\w*|flush\w*|releas(ed?|ing)|join(ed|ing))\b.*|"
    r"(\S+ \S+ )?\[?(INFO|DEBUG)\b.*"
)
"""Lines of a program that ends, or that describes its state."""

_PROGRESS = re.compile(
    r"(?i)(?!.*\b(terminat|stopp|abort|exit|invalid|\w*error|\w*exception|argument|override|fail|"
    r"did not|not complete)|(\S+ )?(\[rank\d+\]:)?\[?E\d{4} )"
    r"(^\W*(\[?(train|val|eval)\w*\]?\W*)?(epoch|step|iter(ation)?|batch|trial|fold|round|episode|"
    r"update)\W*\[?\d+.*|"
    r".*\b\d+%\|.*|.*(?<!--)\b(loss|acc\w*|lr)\b\s*[:=]?\s*-?\d.*|.*\d+/\d+ \[.*(it/s|s/it).*|"
    r".*\b(done|finished|saved|completed|success\w*)\b.*)"
)
"""Lines of a training that runs."""

_SUSPECT = re.compile(
    r"(?i)error|fail|kill|free|abort|assert|exception|fault|denied|not |n't|no |cannot|unable|"
    r"invalid|"
    r"unknown|nan|inf|finite|timed? ?out|limit|exceed|space|memory|oom|signal|sig[a-z]{3}|cancel|"
    r"missing|could|quota|many|terminat|interrupt|preempt|bus|core dumped|illegal|unbound|must|"
    r"what\(\)|corrupt|refused|closed|unrecognized|required|usage|interpreter|expected|xid|ecc|"
    r"in use|full|panic|nccl warn|gguf|bind|stalled|expired|runtime|mismatch|old|null|override|"
    r"please|specify|struct|unset|eaddr|"
    r"deadlock|evicted|wrote|"
    r"nicht|kein|trouv|aucun|allouer|permis|espac|encontr|exist|asignar|aloc|alloc|esaurit|"
    r"[\u0400-\u04ff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]"
)
"""What at least one word of any line of a rule fits; the others are not looked at."""

_QUOTED = re.compile(r"^(\w+(?:Error|Exception))\(([\"'])(.*)\2\)$")
_QUOTED_BEGIN = re.compile(r"\w+(?:Error|Exception): ")
"""An exception that Hydra quotes below its own: `TypeError("...")`."""

_TIME = re.compile(
    r"\[?(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?)(Z|[+-]\d\d:?\d\d)?\]?( |$)"
)
"""A time before a line."""

_ERROR = re.compile(r"[\"']?\w*[a-z]\w*(Error|Failure)\w*: ")
"""A line with an error's name."""

_PATH = re.compile(r"Error: .*'(?P<path>[^']+)'")
_MISSING = re.compile(r"FileNotFoundError: .*'(?P<path>[^']+)'")

_SAVES = re.compile(r"(?i)^raise |save|writ|dump|log|clos|clean|remov|report|notif|exit|abort|fail")
"""Calls of a program that fails: what goes wrong in them is no cause."""

_OF_SYSTEM = re.compile(r"(OS|FileNotFound|Permission|NotADirectory|FileExists)Error\b")
"""Exceptions of system calls."""

_IN_JSON = re.compile(r"\{.*Traceback \(most recent call last\).*\}")
"""A logger's record in JSON with a traceback in one of its values."""

_OF_TRACEBACK = re.compile(r"\[rank|\[ERROR|Traceback| |[\w.]*(Error|Exception|Interrupt)\b")
"""What follows a time before a line of a traceback; that of a logger's record is part of it."""

_TORCHRUN_RANK = re.compile(r"rank\s+: (\d+) \(local_rank")
_TORCHRUN_CODE = re.compile(r"exitcode\s+: (-?\d+)")

_OF_SIGNALS = frozenset(
    ("host_oom", "preempted", "time_limit", "interrupted", "node_failure", "gpu_hardware")
)
"""The causes that lines outside of tracebacks show where a signal from outside ended it."""

_OF_CRASHES = _OF_SIGNALS | {
    *("segfault", "illegal_instruction", "shm_full", "abort", "illegal_memory_access"),
}
"""The same where the process crashed."""

_OF_HANDLERS = frozenset(("preempted", "interrupted"))
"""The causes of signals that a program reports before it saves, which looks like progress."""

_FROM_OUTSIDE = (signal.SIGINT, signal.SIGKILL, signal.SIGTERM)
"""Signals that other processes send."""

_CRASHES = (signal.SIGILL, signal.SIGBUS, signal.SIGSEGV)

_NOT_BY_EXCEPTIONS = (*_FROM_OUTSIDE, *_CRASHES)
"""Signals that no exception leads to; after one, SIGABRT may follow."""

_OWN_CODE, _SHELL_CODE = 3, 124
"""Exit codes from the first on and below the second are a program's own: an exception ends Python
with 1, and make, whose command it was, with 2."""

_BASE = 128
"""Shells exit with this and the number of the signal that ended a command."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended, and what its cause is chosen with."""

    exit_code: int | None = None
    signal: int | None = None
    command: str = ""
    oom_kill: bool = False
    """True: the kernel counted an out-of-memory kill in its control group."""
    kernel_line: str = ""
    """The line of the kernel's log about a process of the attempt that it killed."""
    memory: str = ""
    """The peak memory of its largest process, in words."""

    @property
    def by_signal(self) -> int | None:
        """The signal, also where a shell reports it as an exit code."""
        if self.signal is None and _BASE < (self.exit_code or 0) <= _BASE + 64:
            return (self.exit_code or 0) - _BASE
        return self.signal


@dataclass(frozen=True, slots=True)
class Log:
    """A log as it is searched: its lines, and the chains of exceptions in them."""

    lines: Sequence[str]
    """Without the times that `docker logs -t`, Kubernetes or a logger put before each."""
    chains: Sequence[Sequence[Raised]]
    times: Sequence[str]
    """The time before each line; empty: it has none."""
    later: Sequence[str] = ()
    """The lines of the other log that were written after this one's last."""

    @classmethod
    def of(cls, lines: Sequence[str]) -> Log:
        """Parse lines."""
        found = [_TIME.match(line) for line in lines]
        # all lines have one: not the program has written it, but what carried its output
        is_carried = sum(map(bool, found)) > CARRIED * sum(map(bool, lines))
        plain, times = [], []
        for line, time_ in zip(lines, found, strict=True):
            rest = line if time_ is None else line[time_.end() :]
            is_cut = time_ is not None and (is_carried or _OF_TRACEBACK.match(rest) is not None)
            plain.append(rest if is_cut else line)
            times.append("" if time_ is None else time_["time"])
        return cls(plain, tracebacks.chains(plain), times)

    def by_time(self, chains: list[Sequence[Raised]]) -> list[Sequence[Raised]]:
        """Return chains in the order of their times, if each has one; else as they are."""
        times = [self.times[one[0].start] for one in chains]
        return sorted(chains, key=lambda one: self.times[one[0].start]) if all(times) else chains

    @property
    def is_launched(self) -> bool:
        """True if a launcher's lines are in it, so that several processes wrote into it."""
        return any(_LAUNCHER.fullmatch(line) for line in self.lines[-400:])

    def last_lines(self) -> list[tuple[int, str]]:
        """Return the last lines that belong to no traceback, with their indices."""
        inside = [range(one.start, one.at + 1) for chain in self.chains for one in chain]
        covered = {at for places in inside for at in places}
        plain = ((at, self.lines[at]) for at in range(len(self.lines) - 1, -1, -1))
        found = []
        for at, line in plain:
            is_source = at > 0 and _OF_MATLAB.fullmatch(self.lines[at - 1]) is not None
            if line.strip() and not (at in covered or is_source or line.startswith("frame #")):
                found.append((at, line))
                if len(found) == LAST_LINES:
                    break
        return found[::-1]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a rule recognised."""

    rule: CauseRule
    evidence: str
    match: re.Match[str] | None = None
    raised: Raised | None = None
    at: int = 0

    @property
    def is_weak(self) -> bool:
        """True if it is no more than the type of an exception."""
        return self.rule.weight < STRONG


def find(attempt_dir: Path, ending: Ending, masker: Masker) -> FoundCause | None:
    """Return why an attempt failed; None if nothing shows it."""
    until = time.thread_time() + SECONDS
    names = (protocol.STDERR_FILE, protocol.STDOUT_FILE)
    logs = [Log.of(_lines(attempt_dir / name, masker)) for name in names]
    for of, (name, size) in enumerate(zip(names[::-1], _sizes_at_last(attempt_dir), strict=True)):
        if size is not None:
            later = _lines(attempt_dir / name, masker, since=size)
            logs[of] = replace(logs[of], later=[line for line in later if line.strip()])
    if (found := choose(logs, ending, rules(), until=until)) is not None:
        return found
    for plugin in registry.records(CausePlugin):
        for log in logs:
            own: FoundCause | None = registry.ask(plugin, plugin.find, log.lines)
            if own is not None:
                return replace(own, id=own.id or plugin.name)
    return None


def went_on_after(attempt_dir: Path, masker: Masker) -> tuple[bool, bool]:
    """Return whether the training ran on for seconds after the last line of stderr, of stdout."""
    found = []
    names = (protocol.STDOUT_FILE, protocol.STDERR_FILE)
    for name, size in zip(names, _sizes_at_last(attempt_dir), strict=True):
        later = [] if size is None else _lines(attempt_dir / name, masker, since=size)
        found.append(any(map(_PROGRESS.fullmatch, later)))
    return found[0], found[1]


def _sizes_at_last(attempt_dir: Path) -> tuple[int | None, int | None]:
    """Return stdout's size when stderr had its last lines, and the reverse; None: it is final."""
    sizes: list[int | None] = []
    noted = protocol.last_growths(attempt_dir)
    for own, other in ((2, 1), (1, 2)):
        last = next((entry[0] for entry in noted if entry[own] == noted[-1][own]), 0)
        near = [entry[other] for entry in noted if entry[0] < last + LATER]
        is_later = bool(near) and noted[-1][own] > 0 and near[-1] < noted[-1][other]
        sizes.append(near[-1] if is_later else None)
    return sizes[0], sizes[1]


def known_cause(name: str, text: str) -> FoundCause | None:
    """Return a cause that needs no evidence, with what its rules say is to be done."""
    fix = next((one.fix for one in rules() if one.id == name), None)
    return None if fix is None else FoundCause(text, "", fix, id=name)


def rules() -> tuple[CauseRule, ...]:
    """Return the rules of all plugins, the heaviest first."""
    found: list[CauseRule] = []
    for plugin in registry.records(CausePlugin):
        with suppress(PluginError), registry.guarded(plugin):  # it is named, others are asked
            own = tuple(registry.code(plugin.rules)) if plugin.rules else ()
            for rule in own:
                for pattern in (rule.pattern, rule.explains, rule.frame, rule.command):
                    _compiled(pattern)
            found += own
    return tuple(sorted(found, key=lambda one: -one.weight))


def _lines(log: Path, masker: Masker, since: int = 0) -> list[str]:
    """Return the first and the last lines of a log as a terminal shows them, without secrets.

    With `since`, those from this byte on, if they are among the last.
    """
    try:
        with system.open_plain(log) as file:
            size = file.seek(0, 2)
            file.seek(max(since, size - LAST_BYTES) if since else 0)
            is_long = not since and size > FIRST_BYTES + LAST_BYTES
            data = file.read(FIRST_BYTES if is_long else size)
            if is_long:
                file.seek(size - LAST_BYTES)
                tail = file.read(LAST_BYTES)
                is_hole = tail.startswith(b"\0")  # as a log has that was truncated meanwhile
                data += b"\n" + (tail.lstrip(b"\0") if is_hole else tail.partition(b"\n")[2])
    except OSError:
        return []
    text = masker.text(data.decode("utf-8", "replace")).replace("\r\n", "\n")
    plain = [line for raw in text.split("\n") for line in _of_record(raw)]
    return [harmless(as_overwritten(line)[:LONGEST_LINE]).rstrip() for line in plain]


def _of_record(line: str) -> list[str]:
    """Return a line; of a logger's record in JSON, the lines of the traceback in it."""
    if not line.startswith("{") or _IN_JSON.fullmatch(line.rstrip()) is None:
        return [line]
    with suppress(ValueError, RecursionError):
        for value in json.loads(line).values():
            if isinstance(value, str) and "Traceback (most recent call last)" in value:
                return value.split("\n")
    return [line]


def choose(
    logs: Sequence[Log],
    ending: Ending,
    known: Sequence[CauseRule],
    *,
    until: float = float("inf"),
) -> FoundCause | None:
    """Return the cause that stderr and stdout, and the end, show; None if they show none."""
    rules = [one for one in known if _fits_end(one, ending)]
    lines = [[pair for pair in log.last_lines() if _SUSPECT.search(pair[1])] for log in logs]
    search = _Search(logs, lines, ending, rules, until)
    ended_by = _that_ended_it(logs, ending)
    raised = [one for one in rules if one.shown in (Shown.RAISED, Shown.BOTH)]
    of_chain = _of_chain(ended_by, raised) if ended_by else None
    found = search.from_outside(ended_by, of_chain)
    if found is not None:
        ended_by = ()
    found = search.last_line_before(found or of_chain, ended_by) or search.weak()
    if found is None:
        return None
    if not found.evidence:
        found = search.with_line(found)
    place = _place_of_crash(found, logs)
    if found.raised is not None:
        place = found.raised.own or _place_of_what_follows(found.raised, logs)
    return _as_cause(_explained(found, logs, rules, until), ending, place)


@dataclass(frozen=True, slots=True)
class _Search:
    """A search of the logs of an attempt for the cause of its end."""

    logs: Sequence[Log]
    """Of stderr and of stdout."""
    lines: Sequence[Sequence[tuple[int, str]]]
    """Their last lines that a rule may fit, with their indices."""
    ending: Ending
    rules: Sequence[CauseRule]
    """Those that fit the ending, the heaviest first."""
    until: float
    """The CPU time of this thread at which the search is given up."""

    def from_outside(self, ended_by: Sequence[Raised], of_chain: _Shown | None) -> _Shown | None:
        """Return who ended the process from outside, or what its end alone surely shows."""
        found = _of_kernel(self.ending, self.rules)
        found = found or _of_lines(self.lines, self.rules, (Shown.OUTSIDE,), self.until, least=70)
        if found is not None and _is_of_another(found, ended_by, of_chain, self.logs):
            found = None
        return found or _of_end(self.rules, least=SURE)

    def last_line_before(self, found: _Shown | None, ended_by: Sequence[Raised]) -> _Shown | None:
        """Return what a last line shows, if it says more than what was found; else that."""
        if not (found is None or (found.is_weak and found.rule.id != "user_code_error")):
            return found
        said, least = self.lines, SURE if ended_by else 0
        if ended_by and _is_aftermath(ended_by):  # the first failure may have been a line
            least = found.rule.weight + 1 if found is not None else 0
        elif ended_by:  # what a program says beside it is no cause
            said = [[pair for pair in of_log if _is_report(pair[1])] for of_log in self.lines]
        of_line = _of_last_lines(self.logs, said, self.ending, self.rules, self.until)
        if of_line is None or of_line.rule.weight < least or _is_unknown_abort(of_line, said):
            return found
        return replace(of_line, raised=_with_own_place(ended_by))

    def weak(self) -> _Shown | None:
        """Return what shows the cause where nothing better does: any such line, or the end."""
        found = _of_lines(self.lines, self.rules, (Shown.OUTSIDE,), self.until)
        found = found or _of_end(self.rules)
        if found is not None and not found.evidence and found.rule.codes:
            # shells say what they did not start; it printed something else
            return None if self.logs[0].last_lines() else found
        return found

    def with_line(self, found: _Shown) -> _Shown:
        """Return what was found with a line of the same cause: the process may have said it."""
        begins = [_begin_of_end(log, report=True) for log in self.logs]
        if found.rule.id in _OF_HANDLERS:
            begins = [0 for _ in self.logs]
        last = [
            [one for one in said if one[0] >= at]
            for said, at in zip(self.lines, begins, strict=True)
        ]
        of_same = [one for one in self.rules if one.id == found.rule.id]
        of_line = _of_lines(last, of_same, (Shown.LINE, Shown.BOTH), self.until)
        if of_line is None:
            return found
        says_more = of_line.rule.weight > found.rule.weight
        return of_line if says_more else replace(found, evidence=of_line.evidence)


def _place_of_what_follows(raised: Raised, logs: Sequence[Log]) -> CodePlace | None:
    """Return where the program failed when a process that a library had started ended."""
    for log in logs:
        if any(raised in chain for chain in log.chains):
            return log.chains[-1][-1].own
    return None


def _place_of_crash(found: _Shown, logs: Sequence[Log]) -> CodePlace | None:
    """Return the innermost place in the user's own code that Python prints when it crashes."""
    for log in logs if found.rule.id in _OF_CRASHES else ():
        for at, line in enumerate(log.lines):
            if line.startswith("Fatal Python error"):
                below = log.lines[at + 1 : at + MOST_TRAILING]
                places = map(tracebacks.place_in_crash, below)
                return next((one for one in places if one is not None and one.is_own), None)
    return None


def _fits_end(rule: CauseRule, ending: Ending) -> bool:
    if rule.codes and ending.exit_code not in rule.codes:
        return False
    if rule.signals and ending.by_signal not in rule.signals:
        return False
    return not rule.command or re.search(rule.command, ending.command) is not None


def _of_kernel(ending: Ending, known: Sequence[CauseRule]) -> _Shown | None:
    """Return the out-of-memory kill that the kernel has on record."""
    if not (ending.oom_kill or ending.kernel_line) or ending.by_signal != signal.SIGKILL:
        return None
    for rule in known:
        if rule.id == "host_oom" and rule.shown == Shown.END:
            words = "The kernel killed it: out of memory (RAM)."
            return _Shown(replace(rule, text=words), ending.kernel_line)
    return None


def _is_of_another(
    found: _Shown, ended: Sequence[Raised], of_chain: _Shown | None, logs: Sequence[Log]
) -> bool:
    """Return True if a scheduler's line is not of what ended, as an exception shows it.

    It is a line that the program printed before it failed, or a child's end that it survived.
    """
    if not ended or _is_aftermath(ended) or not found.evidence:
        return False
    log = next(one for one in logs if any(chain is ended for chain in one.chains))
    is_above = log.lines[found.at : found.at + 1] == [found.evidence] and found.at < ended[0].start
    if found.rule.id != "host_oom" or of_chain is None:
        return is_above
    return of_chain.rule.id not in _OF_CRASHES and of_chain.rule.weight >= STRONG


def _that_ended_it(logs: Sequence[Log], ending: Ending) -> Sequence[Raised]:
    """Return the chain of exceptions that ended the process which failed first, or nothing."""
    found = [chain for log in logs if (chain := _that_ended(log, ending))]
    first_hand = [chain for chain in found if not _is_aftermath(chain)]
    return next(iter(first_hand or found), ())


def _that_ended(log: Log, ending: Ending) -> Sequence[Raised]:
    """Return the same of one log."""
    launched = log.is_launched
    if not launched and _OWN_CODE <= (ending.exit_code or 1) < _SHELL_CODE:
        return ()
    chains = [one for one in log.chains if not one[-1].is_ignored]
    if ending.by_signal in _NOT_BY_EXCEPTIONS and not launched:
        aftermath = [one for one in chains if _is_aftermath(one)]
        return aftermath[-1] if ending.by_signal == signal.SIGINT and aftermath else ()
    rank, code = _torchrun_report(log.lines)
    # a rank's prefix is that of an exception which ended it; without one, other ranks' lines follow
    ended = [one for one in chains if one[-1].prefix.startswith("[rank")]
    ended = ended or [one for one in chains if not _is_survived(one, log, ending)]
    may_follow = launched and not code.startswith("-")
    first_hand = _first_hand(ended) or (_first_hand(chains) if may_follow else [])
    main = [one for one in first_hand if not one[-1].is_of_thread]
    if ending.exit_code in (None, 1):  # no other code follows from an exception of a thread
        main = main or first_hand
    if not main:
        ended = [one for one in ended if not one[-1].is_of_thread]
        own = [one for one in ended if not _is_heading(one)]
        return next(iter(own or ended or (chains if may_follow else [])), ())
    of_first = [one for one in main if rank and one[-1].prefix.startswith(rank)]
    main = of_first or log.by_time(main)
    prefix = main[0][-1].prefix
    same = [one for one in main if one[-1].prefix == prefix]
    of_group = "|" in prefix  # the exceptions of a group stand side by side
    return same[0] if launched or of_group else _what_it_follows_from(same)


def _what_it_follows_from(chains: Sequence[Sequence[Raised]]) -> Sequence[Raised]:
    """Return the last chain; of a program that misses a file, that of what failed before it.

    This is an earlier program of the same script, or names the place of the file.
    """
    missing = _MISSING.match(chains[-1][0].text)
    if missing is None:
        return chains[-1]
    program = [one.file for one in chains[-1][0].frames[:1]]
    for chain in chains[:-1]:
        place = _PATH.search(chain[0].text)
        names_it = place is not None and f"{missing['path']}/".startswith(f"{place['path']}/")
        first = chain[0].frames[:1]
        if names_it or (program and first and first[0].is_own and [first[0].file] != program):
            return chain
    return chains[-1]


def _first_hand(chains: Sequence[Sequence[Raised]]) -> list[Sequence[Raised]]:
    return [one for one in chains if not _is_aftermath(one)]


def _is_heading(chain: Sequence[Raised]) -> bool:
    return all(one.is_heading for one in chain)


def _is_aftermath(chain: Sequence[Raised]) -> bool:
    return all(_AFTERMATH.fullmatch(one.text) or one.is_heading for one in chain)


def _torchrun_report(lines: Sequence[str]) -> tuple[str, str]:
    """Return the prefix of the rank that torchrun saw fail first, and its exit code, or nothing."""
    for at in range(len(lines) - 1, -1, -1):
        if lines[at].startswith("Root Cause (first observed"):
            text = "\n".join(lines[at : at + 8])
            rank, code = _TORCHRUN_RANK.search(text), _TORCHRUN_CODE.search(text)
            return f"[rank{rank[1]}]" if rank else "", code[1] if code else ""
    return "", ""


def _is_survived(chain: Sequence[Raised], log: Log, ending: Ending) -> bool:
    """Return True if the program printed what shows that it coped with an exception."""
    first, last = chain[0].start, chain[-1].at
    above = log.lines[first - 1] if first else ""
    message = {at for at, _ in chain[-1].message}
    below = [
        (at, line)
        for at, line in enumerate(log.lines[last + 1 :], last + 1)
        if line.strip() and not _OF_OTHERS.match(line)
    ]
    outside = [line for at, line in below if at not in message]
    below += [(len(log.lines), line) for line in log.later if not _OF_OTHERS.match(line)]
    if (outside or ending.exit_code != 1) and _is_note(above, log):
        return True
    return (
        sum(_TEARDOWN.fullmatch(line) is None for _, line in below) > MOST_TRAILING
        or any(_PROGRESS.fullmatch(line) for _, line in below[:MOST_EXAMINED])
        or any(_is_note(line, log) for line in outside[:3])
        or any(_COPES.fullmatch(line) for _, line in chain[-1].message)
    )


def _is_note(line: str, log: Log) -> bool:
    """Return True for a line about what was coped with, if the log does not have it all the time.

    A loader's workers skip bad images before and after an exception.
    """
    if _SURVIVED.fullmatch(line) is None:
        return False
    before = log.lines[: max(log.chains[0][0].start - 1, 0)]
    return _form(line) not in map(_form, before)


def _form(line: str) -> str:
    """Return the first words of a line, without numbers."""
    return re.sub(r"\d+", "0", line[:60])[:30]


def _is_unknown_abort(found: _Shown, lines: Sequence[Sequence[tuple[int, str]]]) -> bool:
    """Return True if a line only says that it aborted, and what it printed above says why."""
    if found.rule.id != "abort" or found.rule.weight >= STRONG:
        return False
    above = [line for of_log in lines for at, line in of_log if at < found.at]
    return any(_ERROR.match(line) for line in above[-3:])


def _of_chain(chain: Sequence[Raised], known: Sequence[CauseRule]) -> _Shown | None:
    """Return what a chain of exceptions shows: its root, or what was made of it."""
    tried = [one for one, after in pairwise(chain) if _is_attempt(one, after)]
    found = [(raised, _of_raised(raised, known)) for raised in chain]
    shown = [(raised, one) for raised, one in found if one is not None and raised not in tried]
    own = [(raised, one) for raised, one in shown if not raised.is_heading]
    shown = own or shown
    if chain[-1].is_of_thread:  # mostly its end changes nothing for the process
        shown = [(raised, one) for raised, one in shown if one.rule.weight >= STRONG]
    if not shown:
        return None
    nested = [one for raised, one in shown if raised.link == Link.NESTED]
    best = nested[0] if nested else shown[0][1]
    for raised, one in shown:
        if one is best or nested:
            continue
        translated = raised.is_deliberate or _is_translated_by_library(best.raised, raised)
        if best.raised is not None and raised.text.startswith(best.raised.text):
            continue  # another process raises it again
        if best.rule.id == "user_assertion" and raised.link == Link.CONTEXT:
            continue  # it failed while it cleaned up
        if one.rule.id == best.rule.id:
            best = one if one.rule.weight >= best.rule.weight else best
        elif _is_another_way(best, raised):
            best = one if one.rule.weight >= STRONG else best  # without what is missing
        elif best.rule.weight < STRONG <= one.rule.weight or (
            best.rule.weight < OUTRANKS and translated and one.rule.weight >= STRONG
        ):
            best = one
    is_placed = best.raised is None or best.raised.own is not None
    return best if is_placed else replace(best, raised=_with_own_place(chain) or best.raised)


def _is_translated_by_library(raised: Raised | None, after: Raised) -> bool:
    """Return True if what handles an exception is a library's code, and not the user's."""
    if after.is_raised_in_own_code:
        return False
    if raised is None or after.link != Link.CONTEXT:
        return True
    handler = _handler(raised, after)
    return handler is None or not handler.is_own


def _handler(raised: Raised, after: Raised) -> CodePlace | None:
    """Return the place that handles an exception, where the next one comes from."""
    pairs = zip(raised.frames, after.frames, strict=False)
    return next((two for one, two in pairs if (one.file, one.line) != (two.file, two.line)), None)


def _is_another_way(missed: _Shown, after: Raised) -> bool:
    """Return True if a program does without a module or file that is missing, and that fails."""
    if missed.rule.id == "module_not_found" and not after.is_deliberate:
        return True
    if missed.raised is None or _MISSING.match(missed.raised.text) is None:
        return False
    handler = _handler(missed.raised, after) if after.link == Link.CONTEXT else None
    return handler is not None and handler.is_own and _SAVES.search(handler.source) is None


def _is_attempt(raised: Raised, after: Raised) -> bool:
    """Return True if a library's function tried another way, as mkdir makes the parents first."""
    return (
        after.link == Link.CONTEXT
        and _OF_SYSTEM.match(raised.text) is not None
        and _OF_SYSTEM.match(after.text) is not None
        and not raised.is_raised_in_own_code
        and [one.file for one in raised.frames[-1:]] == [one.file for one in after.frames[-1:]]
    )


def _with_own_place(chain: Sequence[Raised]) -> Raised | None:
    """Return the last exception of a chain with a place in the user's own code."""
    return next((one for one in reversed(chain) if one.own is not None), None)


def _of_raised(raised: Raised, known: Sequence[CauseRule]) -> _Shown | None:
    """Return the heaviest rule that an exception fits, with the line of its message."""
    own = raised.is_raised_in_own_code
    lines = [(raised.at, raised.text), *raised.message]
    quoted = [(at, _QUOTED.sub(r"\1: \3", text.strip())) for at, text in raised.message]
    if raised.text.rstrip().endswith(":") and raised.message:
        lines[0] = (raised.at, f"{raised.text.rstrip()} {raised.message[0][1].strip()}")
    for rule in known:
        if not rule.pattern or rule.own not in (None, own) or not _fits_frame(rule, raised):
            continue
        said = lines if rule.weight >= STRONG else lines[:1]
        originals = [pair for pair in quoted if _QUOTED_BEGIN.match(pair[1])]
        for at, text in (*said, *originals):
            if (match := _compiled(rule.pattern).search(text)) is not None:
                evidence = dict(lines).get(at, text)
                return _Shown(rule, evidence, match, raised, at)
    return None


def _fits_frame(rule: CauseRule, raised: Raised) -> bool:
    if not rule.frame:
        return True
    pattern = _compiled(rule.frame)
    return any(pattern.search(f"{one.file} {one.source}") for one in raised.frames)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _of_last_lines(
    logs: Sequence[Log],
    lines: Sequence[Sequence[tuple[int, str]]],
    ending: Ending,
    known: Sequence[CauseRule],
    until: float,
) -> _Shown | None:
    """Return what the last lines outside of tracebacks show, if the program ended with them."""
    ended_with = []
    for log, last in zip(logs, lines, strict=True):
        begins = [_begin_of_end(log, report) for report in (False, True)]
        said = [(at, line) for at, line in last if not _SURVIVED.fullmatch(line)]
        after = [(at, line) for at, line in said if at >= begins[_is_report(line)]]
        was_well = [at for at, line in log.last_lines() if _is_well(line)]
        since = len(log.lines) if any(map(_is_well, log.later)) else max(was_well, default=0)
        nan = [(at, line) for at, line in said[::-1] if at > since and _names_nan(line)]
        ended_with.append(after + nan)
    if ending.by_signal in _NOT_BY_EXCEPTIONS:
        allowed = _OF_CRASHES if ending.by_signal in _CRASHES else _OF_SIGNALS
        known = [one for one in known if one.id in allowed]
    return _of_lines(ended_with, known, (Shown.LINE, Shown.BOTH), until)


def _begin_of_end(log: Log, report: bool) -> int:
    """Return the index from which on a line may have ended the program: little follows it."""
    last = log.last_lines()
    runs = [at + 1 for at, line in last if _PROGRESS.fullmatch(line)]
    others = [at for at, line in last if not (_OF_OTHERS.match(line) or _is_report(line))]
    most = MOST_AFTER_REPORT if report else MOST_FOLLOWING
    later = [line for line in log.later if not (_OF_OTHERS.match(line) or _is_report(line))]
    if len(later) > most or any(map(_PROGRESS.fullmatch, later)):
        return len(log.lines)
    near = 0 if log.is_launched or len(others) <= most else others[-most - 1]
    return max(near, runs[-1] if runs else 0)


def _is_report(line: str) -> bool:
    return _REPORT.fullmatch(line) is not None


def _is_well(line: str) -> bool:
    """Return True for a line of a training that runs, and has no NaN."""
    return _PROGRESS.fullmatch(line) is not None and not _names_nan(line)


def _names_nan(line: str) -> bool:
    return re.search(r"(?i)\bnan\b", line) is not None


def _of_lines(
    lines: Sequence[Sequence[tuple[int, str]]],
    known: Sequence[CauseRule],
    kinds: Sequence[Shown],
    until: float,
    *,
    least: int = 0,
) -> _Shown | None:
    """Return the heaviest rule that a line fits; of several lines, the first."""
    for rule in known:
        if rule.shown not in kinds or not rule.pattern or rule.weight < least or rule.frame:
            continue
        if time.thread_time() > until:
            return None
        for of_log in lines:
            for at, line in of_log:
                match = _compiled(rule.pattern).search(line, 0, LONGEST_LAST_LINE)
                if match is not None:
                    return _Shown(rule, line, match, at=at)
    return None


def _of_end(known: Sequence[CauseRule], *, least: int = 0) -> _Shown | None:
    for rule in known:
        if rule.shown == Shown.END and (rule.codes or rule.signals) and rule.weight >= least:
            return _Shown(rule, "")
    return None


def _explained(
    found: _Shown, logs: Sequence[Log], known: Sequence[CauseRule], until: float
) -> _Shown:
    """Return what is printed above an exception or line, if that says more."""
    for rule in known:
        if rule.shown != Shown.ABOVE or rule.weight < found.rule.weight:
            continue
        said = f"{found.raised.text}\n{found.evidence}" if found.raised else found.evidence
        if _compiled(rule.explains).search(said) is None:
            continue
        for log in logs:
            for at, line in enumerate(log.lines):
                if time.thread_time() > until:
                    return found
                if _compiled(rule.pattern).search(line) is not None:
                    return replace(found, rule=rule, evidence=line, at=at, match=None)
    return found


def _as_cause(found: _Shown, ending: Ending, place: CodePlace | None) -> FoundCause:
    """Return a cause in words."""
    groups = {} if found.match is None else found.match.groupdict(default="")
    text = _filled(found.rule.text, groups)
    if found.rule.id == "host_oom" and ending.memory:
        text += f" {ending.memory}"
    return FoundCause(
        text=text,
        evidence=found.evidence.strip()[:LONGEST_EVIDENCE],
        fix=_filled(found.rule.fix, groups),
        id=found.rule.id,
        file=place.file if place is not None else None,
        line=place.line if place is not None else None,
    )


def _filled(text: str, groups: Mapping[str, Any]) -> str:
    for name, value in groups.items():
        text = text.replace(f"{{{name}}}", str(value)[:200])
    return text
