"""Trackio's database: a row for each call of `log`, its metrics as JSON; and its printed lines."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from sqlite3 import Connection
from typing import Any
from urllib.parse import quote

from trainui.plugin import Printed, TrackedRun
from trainui.plugin.reading import (
    MOST_ROWS,
    Decoded,
    SparseRows,
    columns,
    dotted_leaves,
    dotted_numbers,
    plain_files,
)

_ROWS = 1_000_000
"""More rows than a fragment has: the id of a row is its fragment's number times this, and more."""

_SETTLED = 2.0
"""Seconds after which a directory's time shows each change: another one has another time."""

_MOST_WRITERS = 64
"""Inboxes that stay in memory."""

_NOT_FINITE = {"NaN", "Infinity", "-Infinity"}


def runs(connection: Connection) -> list[TrackedRun]:
    """Return all runs; Trackio has no states."""
    found = connection.execute(f"SELECT {_id_in(connection, 'configs')}, config FROM configs")
    configs = {run: _load(config) for run, config in found}
    project = "max(project)" if "project" in columns(connection, "metrics") else "''"
    rows = connection.execute(
        f"SELECT {_id_in(connection, 'metrics')} AS run, run_name, min(timestamp), max(timestamp), "
        f"{project} "
        "FROM metrics GROUP BY run ORDER BY min(id)"
    ).fetchall()
    return [
        TrackedRun(
            id=run,
            name=name,
            params={
                key: value for key, value in configs.get(run, {}).items() if not key.startswith("_")
            },
            started=_micros(configs.get(run, {}).get("_Created") or first) / 1e6,
            ended=_micros(last) / 1e6,
            database=database,
        )
        for run, name, first, last, database in rows
    ]


def _id_in(connection: Connection, table: str) -> str:
    """Return the expression for a run's id: its name, where it has no other one."""
    known = columns(connection, table)
    return f"COALESCE({', '.join(one for one in ('run_id', 'run_name') if one in known)}, NULL)"


def points(
    connection: Connection, run: str, after: Mapping[str, int]
) -> tuple[Decoded, dict[str, int]]:
    """Return the points of a run after some rows, and the rows read last."""
    rows = connection.execute(
        "SELECT id, step, timestamp, metrics FROM metrics "
        f"WHERE {_id_in(connection, 'metrics')} = ? AND id > ? ORDER BY id LIMIT ?",
        (run, after.get("metrics", 0), MOST_ROWS),
    ).fetchall()
    found = SparseRows()
    for _id, step, moment, metrics in rows:
        found.add(step, _numbers(_load(metrics)), _micros(moment))
    return found.decoded(), {"metrics": rows[-1][0]} if rows else dict(after)


def _numbers(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in dotted_leaves("", row):
        is_number = isinstance(value, str) and value in _NOT_FINITE
        yield from dotted_numbers(name, float(value) if is_number else value)


def _load(text: str | bytes) -> dict[str, Any]:
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _micros(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1e6)


def home(environment: Mapping[str, str]) -> Path:
    """Return the directory of the databases of a process with these variables; empty: this one."""
    variables = environment or os.environ
    cache = variables.get("HF_HOME") or "~/.cache/huggingface"
    place = variables.get("TRACKIO_DIR") or f"{cache}/trackio"
    if place.startswith("~/"):
        place = f"{variables.get('HOME') or Path.home()}{place[1:]}"
    return Path(place)


_LINES = re.compile(
    rb"\* Trackio project initialized: (?P<project>[^\r\n]+)"
    rb"|\* Trackio metrics logged to: (?P<place>[^\r\n]+)"
    rb"|\* (?:Created new|Resumed existing) run: (?P<run>[^\r\n]+)"
)

_NOT_IN_A_FILE_NAME = re.compile(r"[^\w-]")

_NO_PROJECT = "?"
"""No database has this name."""


def printed(text: bytes, memory: dict[str, Any]) -> Iterator[Printed]:
    """Yield what some output says; a run's database is the one that was named last."""
    for found in _LINES.finditer(text):
        name = found[found.lastgroup or 0].decode("utf-8", "replace")
        if found.lastgroup == "project":
            memory["database"] = _NOT_IN_A_FILE_NAME.sub("", name) or "default"
        elif found.lastgroup == "place":
            yield Printed(place=name.rstrip())
        else:
            yield Printed(run=name.rstrip(), database=memory.get("database", _NO_PROJECT))


# Trackio's inbox: fragments of JSON lines, in place of a database that network disks would break.
#
# With `TRACKIO_STORAGE_MODE=jsonl`, which Trackio chooses by itself there, a process writes a
# directory `inbox/WRITER` of immutable files, `00000000.jsonl` and so on, one each half second.
# The first one stands for all: it is read as a database with Trackio's tables in memory, to which
# the rows of new fragments are added. Trackio's dashboard moves fragments into its database; what
# was read by then stays, and is not read from there again.

_FRAGMENT = re.compile(r"\d{8}\.jsonl")
_WRITER = re.compile(r"[0-9a-f]{16}")


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
