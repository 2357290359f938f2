"""Settings: `TRAINUI_NAME` in the environment, or `name` in `config.toml`, or the default.

All values are validated here; the error message says where an invalid value was set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from trainui import formatting, paths, system
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.model.states import NOTIFY_ON_KINDS
from trainui.record import dataclass

MOST_CPUS = 10_000
"""CPU slots; the planner looks at each of them."""

T = TypeVar("T")


def default_cpus() -> int:
    """Return a quarter of the cores, at least 2, because trainings use several threads."""
    return max(2, (os.cpu_count() or 1) // 4)


@dataclass(frozen=True, slots=True)
class AgentLimits:
    """What agents may do: programs over MCP, and shells with `TRAINUI_AGENT=1`."""

    runs: int | None = None
    """Runs of theirs that may be unfinished at once; None: any number."""
    rm: bool = True
    """True: they may delete runs."""
    others: bool = True
    """True: they may resume, rerun, cancel and reorder runs that no agent started."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, validated."""

    runs_dir: Path | None = None
    """Directory of the runs (default: `runs` in the home)."""
    broker_url: str | None = None
    """URL of an existing Redis or Valkey; by default trainui starts its own."""
    database_url: str | None = None
    """URL of a PostgreSQL for the store, to share it between machines (default: a SQLite file)."""
    allowed_dataset_dirs: tuple[str, ...] = ("~/datasets", "./datasets", "./data")
    """Allowed directories of `inputs`, besides those of the pipeline file and the run."""
    host: str | None = None
    """This machine's name among those that share a database (default: its hostname)."""
    executor: str = "local"
    """What runs stages that name no executor: this machine, or an installed plugin's name."""
    queues: tuple[str, ...] = ()
    """The queues that this machine serves; a stage can select one with `queue`."""
    cpus: int = field(default_factory=default_cpus)
    """CPU slots: how many stages without a GPU run at the same time."""
    gpus: tuple[int, ...] | None = None
    """Indices of the GPUs to use (default: all)."""
    notify_command: str | None = None
    """A shell command for notifications, run with the run's summary as JSON on stdin (see
    `notify_on`)."""
    notify_urls: tuple[str, ...] = ()
    """Apprise addresses for notifications by mail, chat or phone (needs `trainui[notify]`)."""
    notify_on: tuple[str, ...] = NOTIFY_ON_KINDS
    """Notified events: the ends of runs, and `stalled`, `nan`, `alert` (default: all)."""
    notify_digest: str | None = None
    """When `trainui digest` is sent in the same ways each day, in local time, e.g. `08:00`."""
    bell: bool = True
    """True: `--wait` and the screen also ring the terminal's bell and send OSC 9 notifications."""
    idle_timeout: float = 3600.0
    """Seconds after which an idle worker stops itself and the broker."""
    stall_after: float = 300.0
    """Time without output until a stage is stalled, before its usual interval is known (default:
    300); a stage can have its own."""
    agent_limits: AgentLimits = AgentLimits()
    """Fences for agents: `runs` (of theirs at once), `rm` and `others` (false: not allowed)."""
    debuggers: bool = False
    """True: any process of this user may attach to a stage's first process, as for `trainui stacks`
    where the kernel's `yama.ptrace_scope` is 1. It loosens what the kernel protects."""
    include: tuple[str, ...] = ()
    """Modules to import before a task is looked up, like Celery's `include`."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Key bindings of the screen: binding id -> key."""
    snapshot: str = "file"
    """`always`: run everything from a copy of the code made at submission; `file`: only runs that
    ask for it."""
    theme: str | None = None
    """The screen's theme."""
    max_rate: int | None = None
    """Maximum bytes per second that the screen sends to the terminal (default: what it accepts)."""
    ascii: bool | None = None
    """True: the screen uses only ASCII characters (default: detected from the terminal)."""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        UsageError: a value has the wrong type, or config.toml is invalid or contains an unknown
            name.
    """
    environ = os.environ if environ is None else environ
    file = paths.config_file()
    configured = _read_config(file)
    values: dict[str, Any] = {}
    for name in _CONVERTERS:
        variable = f"TRAINUI_{name.upper()}"
        if environ.get(variable):
            values[name] = _convert(name, environ[variable], where=variable, text=True)
        elif name in configured:
            values[name] = _convert(name, configured[name], where=f"{file}: {name}", text=False)
    return Settings(**values)


def _read_config(file: Path) -> dict[str, Any]:
    try:
        with system.open_plain(file) as opened:
            import tomllib  # imported only if there is a file, because it is slow

            # editors on Windows begin a file with a byte order mark
            configured = tomllib.loads(opened.read().decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read as TOML: {error}") from error
    for name in configured:
        if name not in _CONVERTERS:
            known = ", ".join(sorted(_CONVERTERS))
            raise UsageError(f"{file}: unknown setting {name!r}; known: {known}")
    return configured


def _convert(name: str, value: Any, *, where: str, text: bool) -> Any:
    convert, expected = _CONVERTERS[name]
    try:
        return convert(json.loads(value) if text and expected.startswith("a JSON") else value)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{where}: expected {expected}, found {value!r}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_text(item) for item in value)


def _checked(convert: Callable[[Any], T], is_valid: Callable[[T], bool]) -> Callable[[Any], T]:
    """Return a conversion that also rejects values of the right type."""

    def checked(value: Any) -> T:
        converted = convert(value)
        if not is_valid(converted):
            raise ValueError
        return converted

    return checked


def _time_of_day(value: Any) -> str:
    return datetime.strptime(_text(value), "%H:%M").strftime("%H:%M")


_positive = _checked(int, lambda number: number >= 1)


def _indices(value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    return tuple(int(item) for item in value)


def _rate(value: Any) -> int:
    text = str(value).casefold().removesuffix("b")
    number, factor = (text[:-1], 1000) if text.endswith("k") else (text, 1)
    return _positive(float(number) * factor)


def _seconds(value: Any) -> float:
    """Return the seconds of a duration as in a pipeline file: `90s`, `2m`, or a number of them."""
    seconds = formatting.parse_duration("" if isinstance(value, bool) else str(value))
    if seconds <= 0:
        raise ValueError
    return seconds


def _seconds_or_never(value: Any) -> float:
    """Return seconds; 0: never."""
    if value == "never":
        return 0.0
    return _seconds(value)


def _agent_limits(value: Any) -> AgentLimits:
    if not isinstance(value, dict):
        raise TypeError
    flags = {name: _truth(value[name]) for name in ("rm", "others") if name in value}
    if set(value) - {"runs", *flags}:
        raise ValueError
    return AgentLimits(runs=_positive(value["runs"]) if "runs" in value else None, **flags)


def _truth(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    found = words.get(str(value).casefold())
    if found is None:
        raise ValueError
    return found


def _mapping(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError
    return {_text(key): _text(item) for key, item in value.items()}


_CONVERTERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "runs_dir": (lambda value: paths.absolute(_text(value)), "a path"),
    "broker_url": (_text, "a URL such as redis://localhost:6379/0"),
    "database_url": (
        _checked(_text, lambda url: url.startswith(("postgresql://", "postgres://"))),
        "a URL such as postgresql://user@host/database",
    ),
    "allowed_dataset_dirs": (_texts, 'a JSON list of directories, such as ["~/datasets"]'),
    "host": (_text, "a name"),
    "executor": (_checked(_text, bool), "a name"),
    "queues": (_texts, 'a JSON list of names, such as ["big"]'),
    "cpus": (
        _checked(int, lambda number: 1 <= number <= MOST_CPUS),
        f"a whole number of at least 1, at most {MOST_CPUS}",
    ),
    "gpus": (_indices, "indices of GPUs, such as 0,1"),
    "notify_command": (_text, "a shell command"),
    "notify_urls": (_texts, 'a JSON list of Apprise addresses, such as ["ntfy://topic"]'),
    "notify_on": (
        _checked(_texts, lambda kinds: set(kinds) <= set(NOTIFY_ON_KINDS)),
        f"a JSON list of {', '.join(NOTIFY_ON_KINDS)}",
    ),
    "notify_digest": (_time_of_day, 'a time of day, such as "08:00"'),
    "bell": (_truth, "true or false"),
    "idle_timeout": (_seconds, "a duration such as 90s or 30m, or seconds, above 0"),
    "stall_after": (
        _seconds_or_never,
        "a duration such as 90s or 5m, or seconds, above 0; or never",
    ),
    "agent_limits": (
        _agent_limits,
        'a JSON object (in config.toml a table), such as {"runs": 2, "rm": false, "others": false}',
    ),
    "debuggers": (_truth, "true or false"),
    "include": (_texts, 'a JSON list of modules, such as ["mytasks"]'),
    "keys": (_mapping, "a JSON object (in config.toml a table) of binding to key"),
    "snapshot": (_checked(_text, lambda word: word in ("always", "file")), "always or file"),
    "theme": (_text, "a theme's name"),
    "max_rate": (_rate, "bytes a second, such as 2000 or 2k"),
    "ascii": (_truth, "true or false"),
}


def host(settings: Settings | None = None) -> str:
    """Return this machine's name."""
    return (settings or load()).host or os.uname().nodename


def runs_dir_identity(settings: Settings) -> str | None:
    """Return the identity of the runs directory; None if no other host can share it.

    Raises:
        UnfitEnvironmentError: the directory cannot be created.
    """
    if settings.database_url is None:
        return None
    directory = runs_dir(settings)
    try:
        paths.make_parents(directory)
        directory.mkdir(mode=0o700, exist_ok=True)
        return paths.identity(directory / paths.PLACE_FILE)
    except OSError as error:
        raise UnfitEnvironmentError(
            f"{directory}: {error.strerror}; make it writable, or set TRAINUI_RUNS_DIR"
        ) from error


def runs_dir(settings: Settings) -> Path:
    """Return the directory of the runs."""
    return settings.runs_dir or paths.home().runs
