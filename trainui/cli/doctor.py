"""The commands `doctor`, which checks this machine, and `plugins`, which lists them.

A check is a function that returns a level, a message, and advice unless the level is good.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from trainui import formatting, paths, settings, system, text
from trainui.cli import options, printing
from trainui.errors import (
    NotFoundError,
    SchemaOutdatedError,
    SchemaRefusedError,
    StoreError,
    TrainuiError,
    UnfitEnvironmentError,
    UsageError,
    install_advice,
)
from trainui.model.records import LOCAL
from trainui.version import __version__

if TYPE_CHECKING:
    from trainui.plugin.registry import EntryPoint

GOOD, NOTE, BAD = "good", "note", "bad"
"""Levels: a note works, with a drawback; what is bad must be fixed."""

Result = tuple[str, str] | tuple[str, str, str]

CLOCK_SKEW = 2.0
"""Maximum difference in seconds between the clock and new files' modification times."""

LEAST_FILES = 1024
"""Open files per process; data loaders with several workers need this many."""

LEAST_SIZE = (80, 24)
"""Columns and lines that the whole screen needs."""


def python() -> Result:
    """Check which Python runs trainui, and which one stages get."""
    from trainui.pipeline import stage_command

    version = ".".join(map(str, sys.version_info[:3]))
    theirs = stage_command.find_interpreter(None, os.environ).path
    message = f"{version} at {sys.executable}; stages get {theirs}"
    if not Path(theirs).is_absolute():
        advice = "put a python on PATH, or name one with `python:` in the pipeline file"
        return NOTE, message + ", which is not on PATH", advice
    return GOOD, message


def configuration() -> Result:
    """Check that the settings can be read."""
    file = paths.config_file()
    try:
        settings.load()
    except UsageError as error:
        return BAD, str(error), "correct or remove it"
    return GOOD, str(file) if file.exists() else f"defaults, no {file}"


def home() -> Result:
    """Check that the home is writable, only by its owner, and no copy of another one."""
    from trainui.store.db import home_identity, sqlite_file

    root = paths.home().root
    if not root.exists():
        parent = system.nearest_existing(root)
        if (problem := system.write_problem(parent)) is None:
            return GOOD, f"{root}, created by the first run"
        return _bad_home(f"{root} cannot be created: {parent} cannot be written: {problem}")
    if (problem := system.write_problem(root)) is not None:
        return _bad_home(f"{root} cannot be written: {problem}")
    standing = home_identity.standing_of(sqlite_file.store_file(), paths.home())
    if standing.words:
        return BAD, f"{standing.words}: nothing can be changed from here", home_identity.DECIDE
    mode = stat.S_IMODE(root.stat().st_mode)
    if mode & 0o077 and not system.is_shared(root):
        return BAD, f"{root} is open to others (mode {mode:o})", f"chmod 700 {root}"
    return GOOD, str(root)


def _bad_home(message: str) -> Result:
    return BAD, message, "set TRAINUI_HOME to a directory that you may write to"


def home_file_system() -> Result:
    """Check that the file system's locks are reliable enough for the database."""
    root = paths.home().root
    try:
        system.check_home(root)
    except UnfitEnvironmentError as error:
        return BAD, str(error)
    return GOOD, f"{system.file_system(root) or 'unknown'} at {root}"


def database() -> Result:
    """Check that an existing database can be opened and is intact."""
    from trainui.store.db import engine, sqlite_file
    from trainui.store.read import run_list

    where, size, advice = _database()
    try:
        with engine.reading() as connection:
            damage = sqlite_file.damage(connection)
            count = run_list.count_runs(connection)
    except NotFoundError:
        return GOOD, f"{where}, created by the first run"
    except UnfitEnvironmentError as error:
        return BAD, str(error), advice
    if damage:
        return BAD, f"{where}: {damage}", sqlite_file.DAMAGED
    return GOOD, f"{where}, {formatting.quantity(count, 'run')}{size}"


def _database() -> tuple[str, str, str]:
    """Return the database's location, its size as text, and advice if it cannot be read."""
    if (url := settings.load().database_url) is not None:
        from trainui.store.db import postgres

        return postgres.shown(url), "", "see docs/hosts.md"
    file = paths.home().database
    size = f", {file.stat().st_size:,} bytes" if file.exists() else ""
    return str(file), size, ""


def runs_directory() -> Result:
    """Check that the runs' directory is writable."""
    directory = settings.runs_dir(settings.load())
    if (problem := system.write_problem(system.nearest_existing(directory))) is not None:
        message = f"{directory} cannot be written: {problem}"
        return BAD, message, "set TRAINUI_RUNS_DIR to a directory that you can write to"
    return GOOD, str(directory)


def disk() -> Result:
    """Check the free disk space."""
    found = system.disk_spaces(paths.home().root, settings.runs_dir(settings.load()))
    message = ", ".join(str(room) for room in found)
    advice = "free some space, or set TRAINUI_RUNS_DIR to a directory on another disk"
    if any(room.is_full for room in found):
        return BAD, message, advice
    if any(room.is_low for room in found):
        return NOTE, message, advice
    return GOOD, message


def system_clock() -> Result:
    """Compare the clock with the modification time of a new file."""
    directory = system.nearest_existing(settings.runs_dir(settings.load()))
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"x")
            file.flush()
            skew = os.fstat(file.fileno()).st_mtime - time.time()
    except OSError as error:
        message = f"not compared with {directory}, which cannot be written: {error.strerror}"
        return NOTE, message, "make it writable, then check again"
    if abs(skew) > CLOCK_SKEW:
        message = f"new files in {directory} get times that are {skew:+.1f} s off"
        return NOTE, message, "synchronise both machines' clocks (NTP)"
    return GOOD, time.strftime("%Y-%m-%d %H:%M:%S %z")


def broker() -> Result:
    """Check that the broker answers, or that a broker program is installed."""
    from trainui.execution import broker as broker_module

    configured = settings.load()
    try:
        broker_module.check(paths.home(), configured)
    except (UnfitEnvironmentError, UsageError) as error:
        return BAD, str(error), "see the message"
    if configured.broker_url is None:
        return GOOD, str(broker_module.find_programs()[0])
    found = broker_module.status(paths.home(), configured)
    if not found["reachable"]:
        advice = "start it, or unset TRAINUI_BROKER_URL so that trainui starts its own"
        return BAD, f"{found['url']} does not answer", advice
    return GOOD, f"{found['kind']} at {found['url']}"


RESTART = "`trainui worker stop`; the next command restarts it, and stages keep running"


def changed_cpus(worker: Mapping[str, Any]) -> str:
    """Return a message if the setting `cpus` has changed since the worker started; else empty."""
    places = sum(slot["kind"] == "cpu" for slot in worker["slots"])
    wanted = settings.load().cpus
    if not worker["running"] or places == wanted:
        return ""
    return f"started with {places} CPU slots, but `cpus` is now {wanted}"


def worker() -> Result:
    """Check the worker's state."""
    from trainui.execution.daemon import health, lifecycle, metrics_process

    found = lifecycle.status()
    if found["running"]:
        if words := metrics_process.absence_words(paths.home()):
            return NOTE, words, f"its last lines are in {found['log']}"
        if problems := health.read_queue(paths.home()).problems():
            return NOTE, problems[0], "see `trainui worker status`"
        message, other = f"running as process {found['pid']}", changed_cpus(found)
        return NOTE if other else GOOD, other or message, RESTART
    if found["guard_pid"]:
        message = f"not ready, although its guard is running; its log is {found['log']}"
        return NOTE, message, "wait a few seconds, then read its log"
    if found["copy_of"]:
        return NOTE, "not running", "see the home"
    if words := lost_stages():
        return NOTE, "not running", words
    return GOOD, "not running (starts automatically)"


def schema_trouble() -> str:
    """Return that the database is of a newer or an older trainui; empty if it is not."""
    from trainui.store.db import engine

    try:
        with engine.reading():
            return ""
    except (SchemaRefusedError, SchemaOutdatedError) as error:
        return str(error)
    except TrainuiError:
        return ""


def lost_stages() -> str:
    """Return how many stages are recorded as running without a process; empty if none is.

    Also if the database cannot be read: another check says so.
    """
    from trainui.execution.attempt import lost_attempts
    from trainui.store.db import engine

    try:
        with engine.reading() as connection:
            lost = list(lost_attempts.find(connection).stages.values())
    except TrainuiError:
        return ""
    if not lost:
        return ""
    verb = "is" if len(lost) == 1 else "are"
    stages = formatting.quantity(len(lost), "stage")
    return f"{stages} {verb} recorded as running and {verb} not: {lost[0].words}"


def processes() -> Result:
    """Check that no process of a stage runs whose end is recorded, or that no run knows."""
    from trainui.execution.attempt import lost_attempts
    from trainui.store.db import engine
    from trainui.store.read import views

    known = set[Path]()
    try:
        if engine.exists():
            with engine.reading() as connection:
                known = views.running_directories(connection)
    except (StoreError, SchemaRefusedError, SchemaOutdatedError):
        return NOTE, "not checked: the database cannot be read", "see the finding on the database"
    left = [
        one for one in lost_attempts.running_of_home(paths.home()) if one.directory not in known
    ]
    if not left:
        return GOOD, "none runs that is not on record"
    named = ", ".join(f"{one.name} ({', '.join(map(str, one.pids()))})" for one in left)
    pids = " ".join(str(pid) for one in left for pid in one.pids())
    return BAD, f"processes run although no run has them running: {named}", f"`kill {pids}`"


def gpus() -> Result:
    """Check which GPUs can be used, and who uses each or why it cannot be used."""
    from trainui.execution.gpus import (
        LOCKS,
        describe_process,
        foreign_lock_owner,
        lock_state,
        stranger_on,
        usable_gpus,
    )

    usable = usable_gpus()
    shown, blocked = [], False
    for gpu in usable.gpus:
        lock = lock_state(gpu)
        taken = f"locked by {describe_process(lock.pid)}" if lock.pid else stranger_on(gpu)
        shown.append(f"{gpu.index}: {gpu.name}, {gpu.problem or lock.problem or taken or 'free'}")
        blocked = blocked or bool(lock.problem)
    message = "; ".join([*shown, *([usable.limit] if usable.limit else [])])
    if not usable.gpus:
        advice = "if this machine has one, check `nvidia-smi` and the setting `gpus`"
        return NOTE, message or "none", advice
    if usable.working < len(usable.gpus):
        return NOTE, message, "see `nvidia-smi`; stages can use the other GPUs"
    if blocked:
        advice = "stages wait for these GPUs until the lock file's owner or root removes it"
        return NOTE, message, advice
    if (owner := foreign_lock_owner()) is not None:
        advice = f"{LOCKS} belongs to user {owner}, who can remove others' locks"
        return NOTE, message, f"{advice}; chown it to root"
    return GOOD, message


LIBRARIES = ("celery", "kombu", "sqlalchemy", "textual", "numpy", "nvidia-ml-py")
"""The dependencies whose versions matter most."""


LITTLE_SHARED_MEMORY = system.GIGABYTE
"""Bytes of /dev/shm. Containers get 64 MB by default, with which data loaders crash."""

SHARED_MEMORY = Path("/dev/shm")


def versions() -> Result:
    """List the installed versions."""
    from importlib import metadata

    from trainui.store.db import schema

    found = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    return GOOD, f"trainui {__version__}, schema {schema.HEAD}; {found}"


def session() -> Result:
    """Check that runs survive a logout."""
    from trainui.execution.daemon import lifecycle

    if lifecycle.lingers():
        return GOOD, "runs continue after the last logout (linger)"
    if _logind_kills():
        message = "systemd ends all your processes at your last logout, including stages"
        user = os.environ.get("USER", "$USER")
        return NOTE, message, f"sudo loginctl enable-linger {user}"
    return GOOD, "runs continue after a logout"


def _logind_kills() -> bool:
    """Return True if logind kills a user's processes at logout."""
    if shutil.which("busctl") is None:
        return False
    place = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
    done = subprocess.run(
        ["busctl", "get-property", *place, "KillUserProcesses"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=5,
        check=False,
    )
    return done.stdout.strip() == "b true"


def limits() -> Result:
    """Check the limits of open files and shared memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    message = f"{_limit(soft)} open files"
    if soft != resource.RLIM_INFINITY and soft < LEAST_FILES:
        return NOTE, message, f"run `ulimit -n {min(hard, 65_536)}` before trainui"
    if not SHARED_MEMORY.is_dir():
        return GOOD, message
    status = os.statvfs(SHARED_MEMORY)
    size = status.f_blocks * status.f_frsize
    message += f", {formatting.size(size)} of shared memory"
    if size < LITTLE_SHARED_MEMORY:
        advice = "data loaders with workers need more: start the container with --shm-size=8g"
        return NOTE, message, advice
    return GOOD, message


def _limit(value: int) -> str:
    return "any number of" if value == resource.RLIM_INFINITY else f"{value:,}"


def notifications() -> Result:
    """Check that notifications can be sent."""
    configured = settings.load()
    ways = [name for name in ("notify_command", "notify_urls") if getattr(configured, name, None)]
    if configured.notify_urls and importlib.util.find_spec("apprise") is None:
        message = "notify_urls needs Apprise, which is not installed"
        return NOTE, message, install_advice("notify")
    if not ways:
        if configured.notify_digest is not None:
            advice = "set notify_command or notify_urls"
            return NOTE, "notify_digest is set, and nothing to send the digest with", advice
        return GOOD, "off; see notify_command and notify_urls"
    message = f"by {' and '.join(ways)}: {', '.join(configured.notify_on) or 'no event'}"
    if configured.notify_digest is not None:
        message += f"; the digest at {configured.notify_digest}"
    return GOOD, message


def at_boot() -> Result:
    """Check whether the worker starts at boot."""
    from trainui.execution.daemon import lifecycle

    if (path := lifecycle.path(os.environ)).exists():
        return GOOD, f"{path} starts the worker"
    return GOOD, "not set up; `trainui worker install` starts it at boot"


def terminal() -> Result:
    """Check the terminal's encoding, colours and size."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        advice = "set LANG to a UTF-8 locale, e.g. C.UTF-8"
        return NOTE, f"the encoding is {encoding or 'unknown'}", advice
    if not printing.on_terminal():
        return GOOD, "none; the screen needs one"
    kind, colours = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    if kind in ("", "dumb"):
        advice = "set TERM to the terminal's type, e.g. xterm-256color"
        return BAD, f"TERM is {kind!r}, which cannot show a screen", advice
    size = os.get_terminal_size()
    shown = f"{kind} {colours}".strip() + f", {size.columns}x{size.lines}{_around_terminal()}"
    if colours not in ("truecolor", "24bit") and "256color" not in kind:
        advice = "if it supports them, set TERM=xterm-256color or COLORTERM=truecolor"
        return NOTE, f"{shown}: few colours", advice
    if size.columns < LEAST_SIZE[0] or size.lines < LEAST_SIZE[1]:
        return NOTE, f"{shown}: small", "make it 80x24 or larger"
    return GOOD, shown


def _around_terminal() -> str:
    names = {"TMUX": "tmux", "STY": "screen", "SSH_CONNECTION": "SSH"}
    around = [name for variable, name in names.items() if os.environ.get(variable)]
    return f", in {' and '.join(around)}" if around else ""


def broken_plugins() -> Result:
    """Check that every plugin can be loaded, and has worked so far."""
    found = [entry for entry, _is_loaded in _plugins()]
    if broken := [f"{one}: {one.problem}" for one in found if one.problem]:
        advice = "update, repair or uninstall its package; its files are left alone until then"
        return NOTE, "; ".join(broken), advice
    return GOOD, formatting.quantity(len(found), "plugin")


def executors() -> Result:
    """Say which places besides this machine can run stages."""
    from trainui.plugin import Executor, registry

    found = []
    for one in registry.records(Executor):
        try:
            said = registry.run(one, one.about, settings.runs_dir(settings.load()))
        except TrainuiError as error:
            return NOTE, f"{one.name}: {error}", "stages of other executors are not affected"
        found.append(f"{one.name}: {said}" if said else one.name)
    return GOOD, "; ".join(["local", *found])


_SYMBOLS = {GOOD: "✓", NOTE: "!", BAD: "✗"}


@options.command("trainui doctor")
def doctor(as_json: options.Json = False) -> None:
    """Check what trainui needs on this machine, with advice for each problem.

    The exit code is 4 if something must be fixed first.
    """
    with printing.progress("checking"):
        findings = [_finding(name, check) for name, check in _checks().items()]
    printing.answer(as_json, {"findings": findings}, _lines(findings))
    raise typer.Exit(4 if any(one["level"] == BAD for one in findings) else 0)


def _checks() -> dict[str, Callable[[], Result]]:
    """Return the checks by subject, in display order."""
    return {
        "versions": versions,
        "python": python,
        "configuration": configuration,
        "home": home,
        "file system": home_file_system,
        "database": database,
        "runs": runs_directory,
        "disk": disk,
        "clock": system_clock,
        "broker": broker,
        "worker": worker,
        "processes": processes,
        "at boot": at_boot,
        "session": session,
        "limits": limits,
        "gpus": gpus,
        "executors": executors,
        "plugins": broken_plugins,
        "notifications": notifications,
        "terminal": terminal,
    }


def _finding(name: str, check: Callable[[], Result]) -> dict[str, Any]:
    """Run a check; one that raises an error becomes a finding, too."""
    try:
        level, message, *advice = check()
    except UsageError as error:  # of the settings: the configuration's check reports it
        level, message, advice = NOTE, f"not checked: {error}", ["correct it first"]
    except Exception as error:
        level, message, advice = BAD, f"{type(error).__name__}: {error}", ["see the message"]
    return {"name": name, "level": level, "message": message, "advice": next(iter(advice), None)}


def _lines(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    shown = []
    for one in findings:
        level, advice = one["level"], one["advice"]
        words = "" if level == GOOD or not advice else f": {advice}"
        shown.append((f"{_SYMBOLS[level]} {level}", one["name"], one["message"] + words))
    return text.table(shown)


@options.command("trainui plugins")
def plugins(as_json: options.Json = False) -> None:
    """List the installed plugins, with what is wrong with one that cannot be used.

    All of them are loaded. A broken one changes nothing else, so the exit code is 0.
    """
    found = [
        {
            "name": entry.name,
            "kind": entry.kind,
            "package": entry.package,
            "version": entry.version,
            "loaded": is_loaded,
            "problem": entry.problem or None,
        }
        for entry, is_loaded in _plugins()
    ]
    found.sort(key=lambda one: (str(one["kind"]), str(one["name"])))
    if not found and not as_json:
        printing.note("no plugins are installed")
    printing.answer(as_json, {"plugins": found}, _table(found))


def _plugins() -> list[tuple[EntryPoint, bool]]:
    """Return the entry points of all plugins, and if each is loaded.

    One with a name of trainui's own is never used.
    """
    from trainui.metrics.formats import CORE
    from trainui.plugin import registry

    own = {"command": options.MODULE_OF, "executor": {LOCAL}, "format": CORE}
    return [
        (replace(entry, problem=f"trainui itself has a {entry.kind} of this name"), False)
        if entry.name in own.get(entry.kind, ())
        else (entry, is_loaded)
        for entry, is_loaded in registry.listed()
    ]


def _table(found: list[dict[str, Any]]) -> list[str]:
    shown = [
        (one["name"], one["kind"], f"{one['package']} {one['version']}", one["problem"] or "")
        for one in found
    ]
    return text.table([("NAME", "KIND", "PACKAGE", "PROBLEM"), *shown]) if shown else []
