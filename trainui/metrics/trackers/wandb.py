"""What a W&B log says of its run: the name, the configuration, the end and the summary.

But for the summary, only its first and its last bytes are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainui import plain_files
from trainui.metrics.files import peek
from trainui.metrics.formats.protobuf import DAMAGED, fields
from trainui.metrics.formats.wandb import scan
from trainui.metrics.formats.wandb.rows import MEDIA, OWN, last_values, read_item
from trainui.metrics.formats.wandb.scan import BLOCK, FRAME, framed, records_in_several
from trainui.metrics.trackers import TrackedRun

_CONFIG, _RUN, _EXIT = 5, 17, 18
"""Fields of a record."""
_RUN_CONFIG, _ITEM = 4, 1

_HEAD_BYTES = 4 * BLOCK
_ID, _NAME, _FIRST_STEP, _START, _CODE, _SECONDS = 1, 8, 14, 17, 1, 1
_ENVIRONMENT, _ARGS, _PROGRAM, _ROOT, _HOST, _EXECUTABLE = 26, 5, 6, 11, 12, 14

_UPDATE, _REMOVE = 1, 2

_MOST_BYTES = 64 << 20
"""Bytes at the end of a log of which the summary is read."""


def describe(path: Path) -> TrackedRun:
    """Return a run as its log has it."""
    about: dict[str, Any] = {}
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    tail = _tail(path)
    for key, message in (*_contents(peek.head(path, _HEAD_BYTES), 0), *tail):
        if key in (_RUN, _CONFIG):
            params |= _config(key, message)
        if key == _RUN:
            about = _run(message)
            tags |= {"resumed": "true"} if about.get("step") else {}
        elif key == _ENVIRONMENT:
            tags |= _command(message)
    return TrackedRun(
        id=about.get("id", path.stem.removeprefix("run-")),
        name=about.get("name") or about.get("id") or path.stem.removeprefix("run-"),
        params=params,
        status=_state(tail),
        started=about.get("start"),
        ended=peek.modified(path) or None,
        tags=tags,
    )


def _tail(path: Path) -> list[tuple[int, bytes]]:
    """Return what the last records contain: the end, and changes of the configuration."""
    size = peek.size(path)
    begin = max(size // BLOCK - 1, 0) * BLOCK
    return _contents(peek.head(path, size - begin, begin=begin), begin)


def _state(tail: Iterable[tuple[int, bytes]]) -> str | None:
    """Return how a run ended; None if its log does not say that it has."""
    for key, message in tail:
        if key == _EXIT:
            codes = (value for number, value, _at in fields(message) if number == _CODE)
            return "failed" if next(codes, 0) else "completed"
    return None


def _contents(data: bytes, offset: int) -> list[tuple[int, bytes]]:
    """Return what the records in some bytes contain, by its field.

    They are searched for by their first bytes: walking from frame to frame takes a hundred times
    longer. A checksum that fits distinguishes a record from bytes that only look like one.
    """
    heads = _MARK.finditer(data, FRAME.size - 1)
    records = [data[head.start() + 1 : end] for head, end in framed(data, heads)]
    if not offset and not records:  # the first one is longer than a block
        records = [record for _end, record in records_in_several(data, offset)]
    found = []
    for record in records:
        with suppress(*DAMAGED):
            found += [(key, value) for key, value, _at in fields(record) if key in _WANTED]
    return found


_WANTED = frozenset({_RUN, _CONFIG, _EXIT, _ENVIRONMENT})
_MARK = re.compile(
    # A frame of one fragment, the record's number, and not the tag of a row or a summary.
    rb"\x01\x08(?:[\0-\x7f]|[\x80-\xff][\0-\x7f]|[\x80-\xff]{2}[\0-\x7f])[^\x12\x1a]",
    re.DOTALL,
)


def _run(message: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with suppress(*DAMAGED):
        for key, value, _at in fields(message):
            if key in (_ID, _NAME):
                found["id" if key == _ID else "name"] = value.decode("utf-8", "replace")
            elif key == _FIRST_STEP:
                found["step"] = value
            elif key == _START:
                seconds = (one for number, one, _place in fields(value) if number == _SECONDS)
                found["start"] = float(next(seconds, 0)) or None
    return found


def _command(message: bytes) -> dict[str, str]:
    """Return the trainer's command line, its words joined by a NUL, its directory and its host."""
    words: dict[int, list[str]] = {_EXECUTABLE: [], _PROGRAM: [], _ARGS: [], _ROOT: [], _HOST: []}
    try:
        for key, value, _at in fields(message):
            if key in words:
                words[key].append(value.decode("utf-8", "replace"))
    except DAMAGED:
        return {}
    root, host = words.pop(_ROOT), words.pop(_HOST)
    line = [word for several in words.values() for word in several]
    tags = {"command": "\0".join(line)} if words[_PROGRAM] else {}
    tags |= {"directory": root[0]} if root else {}
    return tags | ({"host": host[0]} if host else {})


def _config(key: int, message: bytes) -> dict[str, Any]:
    """Return the top-level values of the run's configuration that a `_RUN` or `_CONFIG` sets."""
    found: dict[str, Any] = {}
    with suppress(*DAMAGED):
        configs = [message]
        if key == _RUN:
            configs = [value for inner, value, _at in fields(message) if inner == _RUN_CONFIG]
        for one in configs:
            items = [value for inner, value, _at in fields(one) if inner == _ITEM]
            found |= dict(map(read_item, items))
    return {name: value for name, value in found.items() if name not in OWN}


def summary(path: Path) -> dict[str, Any]:
    """Return the last value of each key, and what the training set itself.

    A log has one or two summary records for each row, so it is read once, when the training has
    ended. It is empty if the log cannot be read.
    """
    try:
        with plain_files.open_plain(path) as file:
            size = path.stat().st_size
            begin = max(size - _MOST_BYTES, 0) // scan.BLOCK * scan.BLOCK
            file.seek(begin)
            data = file.read(_MOST_BYTES + scan.BLOCK)
    except OSError:
        return {}
    return _shown(_folded(scan.summaries(data, begin)))


def _folded(records: Sequence[bytes]) -> dict[str, Any]:
    """Return the values after all of the records."""
    last, others = last_values(records)
    for number in others:
        with suppress(*DAMAGED):
            last.update(_changes(number, records[number], last))
    return {name: value for name, (_number, value) in last.items() if value is not None}


def _changes(
    number: int, record: bytes, last: Mapping[str, tuple[int, Any]]
) -> Iterator[tuple[str, tuple[int, Any]]]:
    """Yield what a record changes, unless a later one did."""
    for key, item, _at in fields(record):
        if key in (_UPDATE, _REMOVE):
            name, value = read_item(item)
            if name not in last or last[name][0] <= number:
                yield name, (number, value if key == _UPDATE else None)


def _shown(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a summary without images, tables and the like, and without W&B's own keys."""
    media = tuple(f"{name.removesuffix(MEDIA)}." for name in summary if name.endswith(MEDIA))
    return {
        name: value
        for name, value in summary.items()
        if not name.startswith("_")
        and not (media and name.startswith(media))
        and not (isinstance(value, dict) and "_type" in value)
    }
