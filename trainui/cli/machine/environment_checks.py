"""What `doctor` looks at around trainui: versions, session, limits, terminal, what tells people."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from trainui import disk, extras, formatting, settings
from trainui.cli.machine.check_result import BAD, GOOD, NOTE, Finding
from trainui.cli.output import printing
from trainui.version import __version__

LIBRARIES = ("celery", "kombu", "sqlalchemy", "textual", "numpy", "nvidia-ml-py")
"""On whose versions most depends."""

LEAST_FILES = 1024
"""Open files of a process; data loaders of several workers need as many."""

LITTLE_SHARED_MEMORY = disk.GIGABYTE
"""Bytes of /dev/shm: containers have 64 MB unless told otherwise, and data loaders die of it."""

SHARED_MEMORY = Path("/dev/shm")


def versions() -> Finding:
    """Tell what is installed."""
    from trainui.store.db import schema

    found = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    return Finding("versions", GOOD, f"trainui {__version__}, schema {schema.HEAD}; {found}")


def session() -> Finding:
    """See whether what runs outlives the login."""
    from trainui.execution.daemon import systemd

    if systemd.lingers():
        return Finding("session", GOOD, "what runs goes on after the last logout (linger)")
    if _logind_kills():
        message = "systemd ends everything of yours at your last logout, stages too"
        user = os.environ.get("USER", "$USER")
        return Finding("session", NOTE, message, f"sudo loginctl enable-linger {user}")
    return Finding("session", GOOD, "what runs goes on after a logout")


def _logind_kills() -> bool:
    """Whether logind is set to end the processes of those who log out."""
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


def limits() -> Finding:
    """See what stages may take of the system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    message = f"{_limit(soft)} open files"
    if soft != resource.RLIM_INFINITY and soft < LEAST_FILES:
        return Finding("limits", NOTE, message, f"`ulimit -n {min(hard, 65_536)}` before a start")
    if not SHARED_MEMORY.is_dir():
        return Finding("limits", GOOD, message)
    status = os.statvfs(SHARED_MEMORY)
    size = status.f_blocks * status.f_frsize
    message += f", {formatting.size(size)} of shared memory"
    if size < LITTLE_SHARED_MEMORY:
        advice = "data loaders with workers need more: start the container with --shm-size=8g"
        return Finding("limits", NOTE, message, advice)
    return Finding("limits", GOOD, message)


def _limit(value: int) -> str:
    return "any number of" if value == resource.RLIM_INFINITY else f"{value:,}"


def notifications() -> Finding:
    """See that people can be told."""
    configured = settings.load()
    ways = [name for name in ("notify_command", "notify_urls") if getattr(configured, name, None)]
    if configured.notify_urls and importlib.util.find_spec("apprise") is None:
        message = "notify_urls needs Apprise, which is not there"
        return Finding("notifications", NOTE, message, extras.advice("notify"))
    if not ways:
        return Finding("notifications", GOOD, "nobody is told; see notify_command and notify_urls")
    told = f"by {' and '.join(ways)}: {', '.join(configured.notify_on)}"
    return Finding("notifications", GOOD, told)


def at_boot() -> Finding:
    """Tell whether the worker starts with the machine."""
    from trainui.execution.daemon import systemd

    if (path := systemd.path(os.environ)).exists():
        return Finding("at boot", GOOD, f"{path} starts the worker")
    return Finding("at boot", GOOD, "the next command starts the worker (`trainui worker install`)")


LEAST_SIZE = (80, 24)
"""Columns and lines in which the whole screen can be used."""


def terminal() -> Finding:
    """See what the terminal can show."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        advice = "set LANG to a UTF-8 locale, such as C.UTF-8"
        return Finding("terminal", NOTE, f"the encoding is {encoding or 'unknown'}", advice)
    if not printing.on_terminal():
        return Finding("terminal", GOOD, "none here; the screen needs one")
    kind, colours = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    if kind in ("", "dumb"):
        advice = "set TERM to what it is, such as xterm-256color"
        return Finding("terminal", BAD, f"TERM is {kind!r}, which cannot show a screen", advice)
    size = os.get_terminal_size()
    shown = f"{kind} {colours}".strip() + f", {size.columns}x{size.lines}{_around_terminal()}"
    if colours not in ("truecolor", "24bit") and "256color" not in kind:
        advice = "set TERM=xterm-256color, or COLORTERM=truecolor, where it can show them"
        return Finding("terminal", NOTE, f"{shown}: few colours", advice)
    if size.columns < LEAST_SIZE[0] or size.lines < LEAST_SIZE[1]:
        return Finding("terminal", NOTE, f"{shown}: small", "make it 80x24 or larger")
    return Finding("terminal", GOOD, shown)


def _around_terminal() -> str:
    names = {"TMUX": "tmux", "STY": "screen", "SSH_CONNECTION": "SSH"}
    around = [name for variable, name in names.items() if os.environ.get(variable)]
    return f", in {' and '.join(around)}" if around else ""
