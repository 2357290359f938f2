"""The installed plugins: found by entry points, loaded by need, and kept apart when they fail.

The rules: nothing is scanned or imported before a kind of plugin is asked for, and then the records
of that kind alone. The scan is kept in the home until a directory of `sys.path` has changed. What a
plugin raises is noted here and becomes a PluginError; nothing else goes down with it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from trainui import paths, system
from trainui.errors import TrainuiError
from trainui.plugin.backends import Executor, Searcher
from trainui.plugin.records import (
    INTERFACE,
    Answer,
    Cause,
    Code,
    Command,
    CommandLine,
    Format,
    FoundCause,
    FoundFile,
    Group,
    Imported,
    Importer,
    LogLines,
    Owner,
    Plugin,
    PreparedEdit,
    Refused,
    Tracker,
    Training,
    Viewer,
)
from trainui.record import dataclass
from trainui.version import __version__

KINDS: tuple[type[Plugin], ...] = (
    *(Format, Tracker, Executor, Searcher, Importer, Viewer, Command, LogLines, Cause),
)
"""All kinds of plugins."""

SCAN_FILE, PROBLEMS = "plugins.json", "plugin-problems"
"""In the worker's directory: the last scan, and what plugins have raised while they worked."""

LONGEST = 300
"""Characters of an error's message that are kept."""

P = TypeVar("P", bound=Plugin)


class PluginError(TrainuiError):
    """A plugin cannot be loaded, or has raised an exception; the message names it."""

    code = "plugin"


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """An entry point of a package, which leads to a record."""

    group: str
    name: str
    value: str
    """`module:attribute`."""
    package: str
    version: str
    problem: str = ""
    """Why it is not used, or what it raised last; empty: nothing is known to be wrong."""

    @property
    def kind(self) -> str:
        """The kind in the singular: `format`; `log_lines` has none."""
        kind = self.group.partition(".")[2]
        return kind if kind == "log_lines" else kind.removesuffix("s")

    @property
    def module(self) -> str:
        """The module of its record."""
        return self.value.partition(":")[0]

    def __str__(self) -> str:
        return f"plugin {self.name} ({self.package} {self.version})"


class _Loaded:
    """What this process has loaded."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.entries: tuple[EntryPoint, ...] | None = None
        self.records: dict[str, Plugin] = {}
        """By group and name."""
        self.failed: dict[str, str] = {}
        """By group and name: why it could not be loaded."""
        self.unfit: dict[str, Plugin] = {}
        """By group and name: those made for another version of the interface."""
        self.groups: dict[str, tuple[Any, ...]] = {}
        self.promised: dict[tuple[type[Plugin], Code], Any] = {}
        """Types of answers by kind of plugin and code."""


_loaded = _Loaded()


def reset() -> None:
    """Forget everything, so that the next question scans again."""
    _loaded.__init__()  # type: ignore[misc]
    code.cache_clear()
    preload.cache_clear()


def records(kind: type[P]) -> tuple[P, ...]:
    """Return the records of all plugins of a kind that can be used, lowest rank first."""
    with _loaded.lock:
        if kind.group not in _loaded.groups:
            usable = (_record(one) for one in entries() if one.group == kind.group)
            loaded = [one for one in usable if one is not None]
            loaded.sort(key=lambda one: (getattr(one, "rank", 0), one.name))
            _loaded.groups[kind.group] = tuple(loaded)
        return _loaded.groups[kind.group]


def find(kind: type[P], name: str) -> P | None:
    """Return the plugin of a kind by its name; None if no package has one.

    No other plugin is loaded.

    Raises:
        PluginError: it cannot be loaded.
    """
    with _loaded.lock:
        entry = next(
            (one for one in entries() if (one.group, one.name) == (kind.group, name)), None
        )
        if entry is None:
            return None
        record = _record(entry)
        if record is None:
            problem = _loaded.failed[_key(entry)]
            raise PluginError(f"{entry}: {problem}; `trainui plugins` lists all")
        return record if isinstance(record, kind) else None


def names(kind: type[Plugin]) -> list[str]:
    """Return the names of the plugins of a kind, none of which is loaded."""
    return sorted(one.name for one in entries() if one.group == kind.group)


@cache
def preload(kind: type[Plugin]) -> None:
    """Import all code of a kind's plugins; what cannot be imported is noted when it is used."""
    for plugin in records(kind):
        for field in fields(plugin):
            where = getattr(plugin, field.name)
            if field.type == "Code" and where:
                with suppress(Exception, SystemExit):
                    code(where)


def why_left_alone(file: str) -> str | None:
    """Return why nothing reads a file of this name: its format is of another version; else None."""
    with _loaded.lock:
        records(Format)
        for entry in entries():
            record = _loaded.unfit.get(_key(entry))
            if isinstance(record, Format) and record.fits(file):
                return f"{entry}: {_loaded.failed[_key(entry)]}; its files are left alone"
    return None


@cache
def code(where: Code) -> Any:
    """Import code that a record names as `module:function`."""
    module, _, attribute = where.partition(":")
    found = import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def run(
    plugin: Plugin, where: Code, *arguments: Any, passes: tuple[type[BaseException], ...] = ()
) -> Any:
    """Call code of a plugin, and return what it returns; None if the plugin has no such code.

    What it yields is returned as a list, since it may fail while it yields.

    Raises:
        PluginError: it has raised an exception other than those that `passes` names.
    """
    if not where:
        return None
    with guarded(plugin, *passes):
        found = code(where)(*arguments)
        found = [*found] if isinstance(found, Iterator) else found
        if found is not None and not isinstance(found, _promised(plugin, where)):
            raise TypeError(f"{where} returned {found!r}, which the interface does not allow")
        return found


_ANSWERS: Mapping[type[Plugin], Mapping[str, Any]] = {
    Format: {
        **{"recognise": (Answer, Refused), "find": FoundFile, "stands_for": tuple},
        **{"prefixes": Mapping, "history": str, "order": bytes},
    },
    Tracker: {
        **{"find": Training, "joined": Sequence, "parameters": Mapping, "summary": Mapping},
        **{"command": CommandLine, "environment": Mapping, "grouping": Group, "owner": Owner},
        **{"printed": Sequence, "owns": bool, "home": Path},
    },
    Importer: {"convert": Imported},
    Viewer: {"view": Sequence},
    Cause: {"find": FoundCause, "edit": PreparedEdit},
}
"""What the code in fields of a record returns, besides None, where anything else would be noticed
far from the plugin."""


def _promised(plugin: Plugin, where: Code) -> Any:
    """Return the types of which the answer of a plugin's code is."""
    key = type(plugin), where
    if key not in _loaded.promised:
        known = _ANSWERS.get(type(plugin), {}).items()
        kinds = (kind for name, kind in known if getattr(plugin, name) == where)
        _loaded.promised[key] = next(kinds, object)
    return _loaded.promised[key]


def ask(plugin: Plugin, where: Code, *arguments: Any) -> Any:
    """Call code of a plugin as `run` does, but return None if it fails: others can be asked.

    A file that cannot be read is no fault of the plugin.
    """
    try:
        return run(plugin, where, *arguments, passes=(OSError,))
    except (PluginError, OSError):
        return None


@contextmanager
def guarded(plugin: Plugin, *passes: type[BaseException]) -> Iterator[None]:
    """Note what a plugin raises, and raise it as a PluginError; also that it would exit.

    Errors of trainui, and those that `passes` names, are left as they are.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        if isinstance(error, (TrainuiError, *passes)):
            raise
        raise PluginError(note(plugin, error)) from error


def note(plugin: Plugin, error: BaseException) -> str:
    """Note what a plugin has raised, for `trainui plugins`; return it as a message."""
    words = _words(error)
    group, name = type(plugin).group, plugin.name
    entry = next((one for one in entries() if (one.group, one.name) == (group, name)), None)
    if entry is None:  # not installed: a test's
        return f"plugin {name}: {words}"
    path = _problem_file(entry)
    about = {"version": entry.version, "stamp": _stamp(entry.module), "problem": words}
    with suppress(OSError, TrainuiError):
        if _noted(path) != about and path.parent.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            paths.write_private(path, json.dumps(about))
    return f"{entry}: {words}; `trainui plugins` lists all"


def listed() -> list[tuple[EntryPoint, bool]]:
    """Load every plugin; return each entry point with its problem, and if it was loaded."""
    found = []
    with _loaded.lock:
        for entry in entries():
            loaded = _record(entry) is not None
            problem = _loaded.failed.get(_key(entry)) or _problem_at_work(entry)
            found.append((replace(entry, problem=problem), loaded))
    return found


def entries() -> tuple[EntryPoint, ...]:
    """Return the entry points of all plugins; the installed packages are searched if need be."""
    with _loaded.lock:
        if _loaded.entries is None:
            _loaded.entries = _known() or _scanned()
        return _loaded.entries


def _record(entry: EntryPoint) -> Plugin | None:
    """Return an entry point's record; None if it cannot be used."""
    key = _key(entry)
    if key not in _loaded.records and key not in _loaded.failed:
        try:
            _loaded.records[key] = _checked(entry)
        except PluginError as error:
            _loaded.failed[key] = str(error)
    return _loaded.records.get(key)


def _checked(entry: EntryPoint) -> Plugin:
    """Load an entry point's record, or raise PluginError with what is wrong."""
    if entry.problem:
        raise PluginError(entry.problem)
    try:
        record = code(entry.value)
    except ModuleNotFoundError as error:
        if error.name and f"{entry.module}.".startswith(f"{error.name}."):
            raise PluginError(f"its module {error.name} is missing") from error
        raise PluginError(_words(error)) from error
    except (Exception, SystemExit) as error:
        raise PluginError(_words(error)) from error
    kind = next(one for one in KINDS if one.group == entry.group)
    if not isinstance(record, kind):
        raise PluginError(f"{entry.value} is a {type(record).__name__}, not a {kind.__name__}")
    if record.interface != INTERFACE:
        _loaded.unfit[_key(entry)] = record
        raise PluginError(
            f"made for version {record.interface} of the interface, and this trainui "
            f"({__version__}) has version {INTERFACE}; install a version of it that fits"
        )
    for field in fields(record):
        kind = _FIELDS.get(str(field.type), object)
        if not isinstance(value := getattr(record, field.name), kind):
            raise PluginError(f"its {field.name} is {value!r}, not a {kind.__name__}")
    if record.name != entry.name:
        raise PluginError(f"its record is named {record.name}; give both the same name")
    return record


_FIELDS = {"str": str, "Code": str, "int": int, "bool": bool, "tuple[str, ...]": tuple}
"""Types of a record's fields by their annotation: `files="*.kv"` would fit every file."""


def _key(entry: EntryPoint) -> str:
    return f"{entry.group}:{entry.name}:{entry.package}"


def _words(error: BaseException) -> str:
    words = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def _known() -> tuple[EntryPoint, ...] | None:
    """Return the entry points of the last scan, if nothing was installed or removed since."""
    try:
        stored = json.loads(system.read_text(_scan_file()))
        if stored["path"] == _path_now():
            return tuple(EntryPoint(**one) for one in stored["entries"])
    except (OSError, TrainuiError, ValueError, LookupError, TypeError):
        pass
    return None


def _scanned() -> tuple[EntryPoint, ...]:
    """Search the installed packages; keep the result in the home, if there is one."""
    state, found = _path_now(), tuple(_search())
    with suppress(OSError, TrainuiError):
        file = _scan_file()
        if file.parent.is_dir():
            content = {"path": state, "entries": [asdict(one) for one in found], "at": time.time()}
            paths.write_private(file, json.dumps(content))
    return found


def _search() -> Iterator[EntryPoint]:
    from importlib.metadata import distributions  # takes 20 ms to import

    groups, packages, taken = {kind.group for kind in KINDS}, set(), dict[tuple[str, str], str]()
    for package in distributions():
        if "[trainui." not in (package.read_text("entry_points.txt") or ""):
            continue
        name, version = package.name, package.version  # each parses the whole description again
        if name.lower() in packages:
            continue  # an older one, later on the path
        packages.add(name.lower())
        for one in package.entry_points:
            if one.group not in groups:
                continue
            first = taken.setdefault((one.group, one.name), name)
            problem = "" if first == name else f"{first} has a plugin of this name already"
            yield EntryPoint(one.group, one.name, one.value, name, version, problem)


def _path_now() -> list[Any]:
    """Return the state of the places of installed packages."""
    state: list[Any] = [__version__]
    for place in sys.path:
        with suppress(OSError):
            state.append([place, os.stat(place or ".").st_mtime_ns])  # noqa: PTH116
    return state


def _scan_file() -> Path:
    return paths.home().worker / SCAN_FILE


def _problem_file(entry: EntryPoint) -> Path:
    name = "".join(letter if letter.isalnum() else "-" for letter in f"{entry.kind} {entry.name}")
    return paths.home().worker / PROBLEMS / f"{name}.json"


def _problem_at_work(entry: EntryPoint) -> str:
    """Return what the installed version of a plugin has raised; empty if nothing is on record."""
    noted = _noted(_problem_file(entry))
    now = {"version": entry.version, "stamp": _stamp(entry.module)}
    is_same = {name: noted.get(name) for name in now} == now
    return str(noted.get("problem", "")) if is_same else ""


def _noted(path: Path) -> Mapping[str, Any]:
    try:
        noted = json.loads(system.read_text(path))
    except (OSError, TrainuiError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _stamp(module: str) -> int:
    """Return when a plugin's code was changed last, in nanoseconds since 1970; 0: unknown."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return 0
    beside: Sequence[Path] = [Path(file)]
    if Path(file).name == "__init__.py":
        beside = list(Path(file).parent.glob("*.py"))
    return max((one.stat().st_mtime_ns for one in beside), default=0)
