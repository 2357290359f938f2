"""Trackio's inbox: fragments of JSON lines, in place of a database that network disks would break.

With `TRACKIO_STORAGE_MODE=jsonl`, which Trackio chooses by itself there, a process writes a
directory `inbox/WRITER` of immutable files, `00000000.jsonl` and so on, one each half second. The
first one stands for all: it is read as a database with Trackio's tables in memory, to which the
rows of new fragments are added. Trackio's dashboard moves fragments into its database; what was
read by then stays, and is not read from there again.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trainui.plugin.reading import plain_files

_FRAGMENT = re.compile(r"\d{8}\.jsonl")
_WRITER = re.compile(r"[0-9a-f]{16}")

_ROWS = 1_000_000
"""More rows than a fragment has: the id of a row is its fragment's number times this, and more."""

_SETTLED = 2.0
"""Seconds after which a directory's time shows each change: another one has another time."""

_MOST_WRITERS = 64
"""Inboxes that stay in memory."""

_NOT_IN_A_FILE_NAME = re.compile(r"[^\w-]")

_TABLES = """
CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, project TEXT,
    timestamp TEXT, step INTEGER, metrics TEXT);
CREATE TABLE configs (run_id TEXT, run_name TEXT, config TEXT);
"""


def owns(directories: Sequence[str], name: str) -> bool:
    """Return True for a fragment: its rows are read with those of the first one."""
    is_inbox = [*directories[-2:-1]] == ["inbox"] and _WRITER.fullmatch(directories[-1])
    return bool(is_inbox) and _FRAGMENT.fullmatch(name) is not None


def is_first(path: Path) -> bool:
    """Return True for the first fragment that a writer's directory has."""
    if not owns(path.parts[:-1], path.name):
        return False
    with suppress(OSError):
        return path.name == _first_name(path.parent, path.parent.stat().st_mtime_ns)
    return False


@lru_cache(maxsize=64)
def _first_name(directory: Path, modified: int) -> str:
    """Return it; cached, since each of thousands of fragments is asked about."""
    del modified
    return min(filter(_FRAGMENT.fullmatch, os.listdir(directory)), default="")  # noqa: PTH208


def version(path: Path) -> object:
    """Return the state of the directory of a first fragment; None if that is gone."""
    try:
        path.lstat()
        modified = path.parent.stat().st_mtime
        is_settled = time.time() - modified > _SETTLED
        return (modified, 0 if is_settled else len(os.listdir(path.parent)))  # noqa: PTH208
    except OSError:
        return None


class _Inbox:
    """The rows from a first fragment on in a database in memory, which others open by its name."""

    def __init__(self, first: Path) -> None:
        self._directory, self._first = first.parent, first.name
        self.name = f"file:trackio{quote(str(first))}?mode=memory&cache=shared"
        self._connection = self.open()
        self._connection.executescript(_TABLES)
        self._read: set[str] = set()
        for path, one in _inboxes.items():
            if path.parent == first.parent:  # fragments of before, some of which are moved by now
                self._read |= one._read
                configs = one._connection.execute("SELECT * FROM configs").fetchall()
                self._connection.executemany("INSERT INTO configs VALUES (?, ?, ?)", configs)

    def open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.name, uri=True, isolation_level=None, check_same_thread=False)

    def update(self) -> None:
        names = set(filter(_FRAGMENT.fullmatch, os.listdir(self._directory)))  # noqa: PTH208
        for name in sorted(name for name in names - self._read if name >= self._first):
            try:
                text = plain_files.read_bytes(self._directory / name).decode("utf-8", "replace")
            except FileNotFoundError:
                continue  # it has just been moved
            rows = list(_rows(text, int(name[:8])))
            self._connection.executemany(
                "INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?)",
                [row for row, _config in rows],
            )
            for (_id, run, run_name, *_rest), config in rows:
                if config:
                    self._connection.execute("DELETE FROM configs WHERE run_id IS ?", (run,))
                    values = (run, run_name, json.dumps(config))
                    self._connection.execute("INSERT INTO configs VALUES (?, ?, ?)", values)
            self._read.add(name)

    def close(self) -> None:
        self._connection.close()


_inboxes: OrderedDict[Path, _Inbox] = OrderedDict()
"""The inboxes read last."""


def as_database(path: Path) -> sqlite3.Connection:
    """Return the rows of a first fragment's directory as a database of Trackio."""
    inbox = _inboxes.pop(path, None) or _Inbox(path)
    _inboxes[path] = inbox
    inbox.update()
    while len(_inboxes) > _MOST_WRITERS:
        _inboxes.popitem(last=False)[1].close()
    return inbox.open()


def _rows(text: str, number: int) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Any] | None]]:
    """Yield the rows of a fragment, each with the configuration that it brings."""
    for at, line in enumerate(text.split("\n")):
        with suppress(ValueError, LookupError, TypeError, RecursionError):
            one = json.loads(line)
            if one["kind"] != "metric":
                continue
            yield (
                (
                    number * _ROWS + at + 1,
                    one["run_id"] or one["run"],
                    str(one["run"]),
                    _NOT_IN_A_FILE_NAME.sub("", str(one["project"])) or "default",
                    str(one["timestamp"]),
                    one["step"],
                    json.dumps(one["metrics"]),
                ),
                one["config"],
            )
