"""Checks that PyTorch files made of pickles are complete, without unpickling any object.

There are two kinds: files of `torch.save` in its old format (before zip), where the tensors' bytes
follow the pickles that name them; and `torch.distributed.checkpoint`, whose `.metadata` lists the
byte ranges in use of each file.
"""

from __future__ import annotations

import pickletools
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from trainui.system import plain_files
from trainui.system.plain_files import BoundedFile, TooLongError

MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The end of the first pickle in a file of the old format."""

MOST = 2_000_000
"""The most instructions checked, which takes seconds; a longer file counts as complete."""

MOST_BYTES = 64 * 2**20
"""The most bytes of pickles read: the tensors' own bytes are elsewhere."""

LONGEST_NAME = 1000
"""Characters of a module or class: joining longer ones repeatedly would fill the memory."""

_PICKLES = 5
"""Magic number, version, sizes of C types, the saved object, and the keys of the tensors."""

_SIZES = {
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Float", "Int", "QInt32"), 4),
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    "ComplexDouble": 16,
}
"""Bytes per number in a storage of each type; any other type has at least one."""

_COUNT_BYTES = 8

_PUT = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_GET = {"GET", "BINGET", "LONG_BINGET"}


class TornError(Exception):
    """A file is not complete; the message says why."""


def check_tensors(path: Path) -> None:
    """Raise TornError if a file of the old format is shorter than its pickles say."""
    sizes: dict[Any, int] = {}
    with plain_files.open_plain(path) as opened:
        file = BoundedFile(opened, MOST_BYTES)
        for _ in range(_PICKLES):
            for instruction, values in _walk(file):
                if instruction == "BINPERSID" and "storage" in values:
                    at = len(values) - 1 - values[::-1].index("storage")
                    kind, key, _place, count = values[at + 1 : at + 5]
                    sizes[key] = _length(count) * _size(str(kind))
        end = file.tell() + sum(sizes.values()) + _COUNT_BYTES * len(sizes)
        if file.size < end:
            raise TornError(f"has {file.size} bytes, and its tensors need {end}")


def _length(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise TornError(f"has a length that is no number: {str(value)[:50]!r}")
    return value


def _size(kind: str) -> int:
    """Return the bytes per number of a storage class, e.g. `torch FloatStorage`."""
    return _SIZES.get(kind.rpartition(" ")[2].removesuffix("Storage"), 1)


def ends_of_files(metadata: Path) -> dict[str, int]:
    """Return the minimum sizes of a distributed checkpoint's files; fails if metadata is torn."""
    ends: dict[str, int] = {}
    found: dict[str, Any] = {}
    with plain_files.open_plain(metadata) as opened:
        for _instruction, values in _walk(BoundedFile(opened, MOST_BYTES)):
            if len(values) > 1 and values[-2] in ("relative_path", "offset", "length"):
                found[values[-2]] = values[-1]
            if len(found) == 3:
                name, end = str(found["relative_path"]), _length(found["offset"])
                ends[name] = max(ends.get(name, 0), end + _length(found["length"]))
                found.clear()
    return ends


def numbers(file: BinaryIO, names: Collection[str]) -> dict[str, int]:
    """Return the integers under some keys of a pickle's dicts, if each key has one value."""
    found: dict[str, set[int]] = {}
    for _instruction, values in _walk(file):
        if len(values) > 1 and values[-2] in names and type(values[-1]) is int:
            found.setdefault(values[-2], set()).add(values[-1])
    return {name: one.pop() for name, one in found.items() if len(one) == 1}


def _walk(file: Any) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield each instruction of a pickle, with the last values before it.

    Values are strings, numbers and names of classes; None stands for any other object.

    A damaged pickle raises any exception; TooLongError if it is longer than is checked.
    """
    known: dict[Any, Any] = {}
    values: deque[Any] = deque(maxlen=16)
    for number, (code, argument, _at) in enumerate(pickletools.genops(file)):
        if number == MOST:
            raise TooLongError
        yield code.name, list(values)
        if code.name in _PUT:
            known[len(known) if argument is None else argument] = values[-1] if values else None
        elif code.name in _GET:
            values.append(known.get(argument))
        elif code.name == "STACK_GLOBAL":
            name, module = (str(values.pop())[:LONGEST_NAME] for _ in range(2))
            values.append(f"{module} {name}")
        elif code.stack_after:
            values.append(argument)
