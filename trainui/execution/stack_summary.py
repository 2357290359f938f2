"""The stacks of an attempt's processes: what each waits in, in one sentence. Pure.

A place is named by the user's own code: the function that it called there and its line, as in
`all_reduce (train.py:88)`. Processes in the same place are counted together, ranks by their number.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import pairwise
from pathlib import PurePath

from trainui.execution.tracebacks import TYPED, CodePlace
from trainui.formatting import quantity
from trainui.record import dataclass

COMPUTING, STARVED = 0.1, 0.02
"""CPUs that a thread uses at least while it computes: one that polls uses far less. The second
where its process was ready to run each time, on a machine with too few CPUs for all of them."""

MOST_PLACES, MOST_THREADS = 4, 3
"""The most places in a summary, and the most threads of one process."""

MAIN = "MainThread"

_WRAPPERS = frozenset(
    {"__call__", "_call_impl", "_fn", "_wrapped_call_impl", "decorate_context", "inner"}
    | {"_wrapper", "wrapped", "wrapper", "decorator", "wrapped_func", "<lambda>"}
)
"""Functions between the user's code and the one that it called."""

_WAITS = re.compile(
    r"(all_?(reduce|gather|to_all)|reduce_scatter|broadcast|scatter|gather|barrier|wait|join|"
    r"acquire|__enter__|recv|accept|connect|select|poll|synchronize|rendezvous|init_process_group|"
    r"result|get|sleep|communicate)(_\w+)?$"
)
_TELLING = re.compile(r"state D|socket \S|/")
"""What the kernel knows and a stack does not: the other end, a file, a disk that is stuck."""

_ITERATOR = re.compile(r"_(?:Base|SingleProcess|MultiProcessing)(\w+?)Iter(?=\.)")
"""A private iterator, as of a DataLoader."""


@dataclass(frozen=True, slots=True)
class StackFrame:
    """A call in a stack."""

    function: str
    file: str
    line: int
    polls: bool = False
    """True if its source asks again and again whether something is done."""


@dataclass(frozen=True, slots=True)
class ThreadStack:
    """A thread of a process."""

    name: str
    frames: tuple[StackFrame, ...]
    """The innermost call first; empty: not Python, or not readable."""
    kernel: str = ""
    """What it waits in, as the kernel says: `reads from socket 10.0.0.5:443`; empty: it runs."""
    cpu: float = 0.0
    """Seconds of CPU that it has used."""
    id: int = 0
    """The kernel's number of it; names may be shared."""


@dataclass(frozen=True, slots=True)
class ProcessStack:
    """A process with its threads, the main one first."""

    pid: int
    rank: int | None
    command: str
    state: str
    """The kernel's letter: R, S, D, T."""
    parent: int = 0
    began: float = 0.0
    """Its start, in seconds since the machine's."""
    uses_gpu: bool = False
    """True if it has a GPU open."""
    cpu: float = 0.0
    """CPUs used, in the last sample alone: since the first one, else since its start."""
    gpus: tuple[int, ...] = ()
    """Those in which it has memory."""
    threads: tuple[ThreadStack, ...] = field(default=())

    @property
    def has_frames(self) -> bool:
        """True if its Python stacks are known."""
        return any(thread.frames for thread in self.threads)


LOCK = "waits for a lock"
"""What the kernel says of a thread that waits for another one, in whatever way."""

_WAITED_FOR = {
    ("queue", "get"): "an item of a queue",
    ("queue", "put"): "room in a queue",
    ("queue", "join"): "a queue to be done",
    ("threading", "join"): "the end of a thread",
    ("threading", "_wait_for_tstate_lock"): "the end of a thread",
    ("_base", "result"): "the result of a future",
}
"""By the file and the function of the standard library, what a thread waits for in it."""

_OF_CLASS = re.compile(r"(Event|Barrier|Condition|Semaphore)\.(wait|acquire)$")


def waited_for(frames: Sequence[StackFrame]) -> str:
    """Return what a thread waits for by the functions that its own code called; empty: unknown."""
    found = ""
    for frame in frames[: own_index(frames)]:
        name = frame.function.rpartition(".")[2]
        of_class = _OF_CLASS.search(frame.function)
        words = f"an {of_class[1]}" if of_class and of_class[1] == "Event" else ""
        words = f"a {of_class[1]}" if of_class and not words else words
        found = _WAITED_FOR.get((PurePath(frame.file).stem, name), words.lower() or found)
    return found


@dataclass(frozen=True, slots=True)
class HeldLocks:
    """What the `with` statements of a source say about one of its lines."""

    entered: str
    """The expression that the line enters; empty: none."""
    inside: Mapping[str, int]
    """The expressions whose blocks it is in, with the lines of the statements."""

    @classmethod
    def at(cls, source: ast.AST, line: int) -> HeldLocks:
        """Look at a line of a parsed file."""
        entered, inside = "", {}
        for node in ast.walk(source):
            if isinstance(node, ast.With | ast.AsyncWith):
                for item in node.items:
                    expression = ast.unparse(item.context_expr)
                    if node.body[0].lineno <= line <= (node.end_lineno or 0):
                        inside[expression] = node.lineno
                    elif node.lineno <= line < node.body[0].lineno:
                        entered = expression
        return cls(entered, inside)


def with_holders(
    threads: Sequence[ThreadStack], held: Mapping[StackFrame, HeldLocks]
) -> list[ThreadStack]:
    """Return a process's threads with what those wait for that the kernel says wait for a lock.

    The lock's holder is the one thread that is in a block of the same file with the same lock.
    """
    found = []
    for thread in threads:
        kernel = thread.kernel
        if kernel == LOCK and (words := waited_for(thread.frames)):
            kernel = f"waits for {words}"
        elif kernel == LOCK and thread.frames and (own := held.get(thread.frames[0])):
            name = own.entered
            holders = [
                f"{other.name} ({PurePath(frame.file).name}:{held[frame].inside[name]})"
                for other in threads
                for frame in other.frames
                if other is not thread and frame.file == thread.frames[0].file
                if frame in held and name in held[frame].inside
            ]
            if len(holders) == 1:
                kernel = f"waits for the lock `{name}` of {holders[0]}"
        found.append(replace(thread, kernel=kernel))
    return found


Sample = Sequence[ProcessStack]
"""The processes of an attempt at one moment."""


@dataclass(frozen=True, slots=True)
class _Place:
    words: str
    """The function and its place, `all_reduce (train.py:88)`."""
    waits: bool
    kernel: str = ""

    @property
    def sentence(self) -> tuple[str, str]:
        """What one does, and what several do."""
        if not self.words:
            verb, space, rest = self.kernel.partition(" ")
            several = "are" if verb == "is" else verb.removesuffix("s")
            return self.kernel, f"{several}{space}{rest}"
        more = f", which {self.kernel}" if self.kernel and not self.waits else ""
        if self.waits:
            return f"waits in {self.words}", f"wait in {self.words}"
        return f"is in {self.words}{more}", f"are in {self.words}{more}"


def computing(
    samples: Sequence[Sample], seconds: float
) -> Iterator[tuple[ProcessStack, ThreadStack]]:
    """Yield the processes that compute, with the threads that do, from samples of some seconds.

    A process computes if one of its threads uses a CPU and its stack changes, or is in one long
    call of native code. One that waits in a loop does not, nor does one that spins in a collective
    or for a GPU, which uses a CPU as well: no call of its stack may be a wait, and a process that
    uses a GPU has to be seen to move.
    """
    if len(samples) < 2:
        return
    before = [{(one.pid, one.began): one for one in sample} for sample in samples]
    for process in samples[-1]:
        key = process.pid, process.began
        seen = [sample[key] for sample in before if key in sample]
        if len(seen) < len(samples):
            continue
        for last in process.threads:
            same = [next((t for t in one.threads if t.id == last.id), None) for one in seen]
            stacks = [thread for thread in same if thread is not None and thread.frames]
            if len(stacks) < len(samples) or all(_spins(thread.frames) for thread in stacks):
                continue
            used = (last.cpu - stacks[0].cpu) / seconds
            moved = any(one.frames != two.frames for one, two in pairwise(stacks))
            is_ready = last is process.threads[0] and all(one.state == "R" for one in seen)
            least = STARVED if is_ready else COMPUTING
            if used >= least and (moved or _is_in_native_code(process, stacks)):
                yield process, last
                break


def _spins(frames: Sequence[StackFrame]) -> bool:
    """Return True if the user's own code asks in a loop whether something is done."""
    index = own_index(frames)
    return index is not None and frames[index].polls


def _is_in_native_code(process: ProcessStack, stacks: Sequence[ThreadStack]) -> bool:
    """Return True if a thread never left the CPU in one call that is no wait."""
    if process.uses_gpu or process.gpus or any(one.kernel for one in stacks):
        return False
    return not any(map(_is_wait, stacks[-1].frames))


def summary(samples: Sequence[Sample], seconds: float = 0.0) -> str:
    """Return in one sentence what an attempt's processes wait in; empty: there are none."""
    if not samples or not samples[-1]:
        return ""
    if busy := [*computing(samples, seconds)]:
        process, thread = busy[0]
        place = place_of(thread.frames)
        assert place is not None  # it has frames
        others = f", and {quantity(len(busy) - 1, 'other')}" if busy[1:] else ""
        verb = "compute" if others else "computes"
        return f"{_name(process, _are_ranked(samples[-1]))}{others} {verb} in {place.words}"
    processes = samples[-1]
    is_ranked = _are_ranked(processes)
    shown = _primary(processes) if is_ranked else _without_launchers(processes)
    groups: dict[_Place, list[ProcessStack]] = {}
    for process in shown:
        groups.setdefault(_process_place(process), []).append(process)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[1][0].rank or 0))
    parts = [
        _part(place, members, len(shown), is_ranked, is_first=not index)
        for index, (place, members) in enumerate(ordered[:MOST_PLACES])
    ]
    if more := sum(len(members) for _, members in ordered[MOST_PLACES:]):
        parts.append(f"{more} are elsewhere")
    for _, members in ordered[1:MOST_PLACES] if is_ranked else ordered[:1]:
        parts += _children(members, processes, shown)
    return "; ".join(parts)


def _children(
    members: Sequence[ProcessStack], processes: Sample, shown: Sequence[ProcessStack]
) -> Iterator[str]:
    """Yield where the children of a process are in the user's own code: what it waits for."""
    if len(members) > 1:
        return
    primary = {process.pid for process in shown}
    for child in processes:
        if child.parent == members[0].pid and child.pid not in primary:
            place = place_of(child.threads[0].frames) if child.threads else None
            if place is not None and own_index(child.threads[0].frames) is not None:
                yield f"its child {child.pid} {_with_kernel(place, child.threads[0]).sentence[0]}"
                return


def _part(
    place: _Place, members: Sequence[ProcessStack], of: int, is_ranked: bool, *, is_first: bool
) -> str:
    one, several = place.sentence
    if len(members) == 1:
        words = f"{_name(members[0], is_ranked)} {one}"
        return words + _threads(members[0])
    unit = "ranks" if is_ranked else "processes"
    if len(members) == of:
        return f"all {of} {unit} {several}"
    return f"{len(members)} {f'of {of} {unit} ' if is_first else ''}{several}"


def _threads(process: ProcessStack) -> str:
    """Return where its other threads are in the user's own code."""
    found = []
    for thread in process.threads[1:]:
        place = place_of(thread.frames)
        if place is not None and own_index(thread.frames) is not None:
            found.append(f", thread {thread.name} {_with_kernel(place, thread).sentence[0]}")
    more = f", and {quantity(len(found) - MOST_THREADS, 'thread')} more"
    return "".join(found[:MOST_THREADS]) + (more if len(found) > MOST_THREADS else "")


def _name(process: ProcessStack, is_ranked: bool) -> str:
    if is_ranked and process.rank is not None:
        return f"rank {process.rank}"
    program = "" if process.has_frames else f" ({PurePath(process.command.split(' ')[0]).name})"
    return f"process {process.pid}{program}"


def _are_ranked(processes: Sample) -> bool:
    return len({process.rank for process in processes} - {None}) > 1


def _primary(processes: Sample) -> list[ProcessStack]:
    """Return the first process of each rank: the others are what it started."""
    rank = {process.pid: process.rank for process in processes}
    return sorted(
        (
            process
            for process in processes
            if process.rank is not None and rank.get(process.parent) != process.rank
        ),
        key=lambda process: process.rank or 0,
    )


def _without_launchers(processes: Sample) -> list[ProcessStack]:
    """Leave out what only waits for others: shells, launchers, and children in library code."""
    parents = {process.parent for process in processes}
    own = [process for process in processes if _is_in_own_code(process)]
    if own:
        roots = {process.pid for process in own}
        return [process for process in own if process.parent not in roots] or own
    leaves = [process for process in processes if process.pid not in parents]
    return leaves if not any(one.has_frames for one in processes) else [processes[0]]


def _is_in_own_code(process: ProcessStack) -> bool:
    return any(own_index(thread.frames) is not None for thread in process.threads)


def _process_place(process: ProcessStack) -> _Place:
    """Return the place of a process's main thread."""
    if process.state == "T":
        return _Place("", waits=False, kernel=f"is stopped: `kill -CONT {process.pid}`")
    if not process.threads:
        return _Place("", waits=False, kernel=_STATES.get(process.state, "cannot be looked into"))
    main = process.threads[0]
    place = place_of(main.frames)
    if place is None:
        return _Place("", waits=False, kernel=main.kernel or "runs on a CPU")
    return _with_kernel(place, main)


_STATES: Mapping[str, str] = {
    "R": "runs on a CPU",
    "S": "sleeps",
    "D": "is stuck in the kernel (state D): a disk or a network file system does not answer",
}


def _with_kernel(place: _Place, thread: ThreadStack) -> _Place:
    """Add the kernel's word where the function does not say as much."""
    is_telling = _TELLING.search(thread.kernel) is not None
    if is_telling or (not place.waits and own_index(thread.frames) == 0):
        return _Place(place.words, waits=False, kernel=thread.kernel)
    return place


def place_of(frames: Sequence[StackFrame]) -> _Place | None:
    """Return where a thread is; None if its stack is not known."""
    if not frames:
        return None
    own = own_index(frames)
    if own is None:
        return _Place(_words(frames[0], frames[0]), waits=_is_wait(frames[0]))
    called = max(own - 1, 0)
    while called > 0 and frames[called].function.rpartition(".")[2] in _WRAPPERS:
        called -= 1
    waits = own > 0 and _is_wait(frames[called])
    return _Place(_words(frames[called], frames[own]), waits=waits)


def own_index(frames: Sequence[StackFrame]) -> int | None:
    """Return the index of the innermost call in the user's own code, also of `python -c`."""
    return next((index for index, frame in enumerate(frames) if _is_own(frame)), None)


def _is_own(frame: StackFrame) -> bool:
    return frame.file in TYPED or CodePlace(frame.file, frame.line).is_own


def _is_wait(frame: StackFrame) -> bool:
    return _WAITS.match(frame.function.rpartition(".")[2].lstrip("_")) is not None


def _words(called: StackFrame, at: StackFrame) -> str:
    """Return `DataLoader.__next__ (data.py:40)`."""
    function = _ITERATOR.sub(r"\1", called.function.replace("<locals>.", ""))
    parts = function.split(".")
    if parts[-1].startswith("__") and len(parts) == 1:
        parts.insert(0, PurePath(called.file).stem)  # before Python 3.11 without the class
    where = f"{PurePath(at.file).name}:{at.line}"
    return where if parts[-1] == "<module>" else f"{'.'.join(parts[-2:])} ({where})"
