"""Checks of `doctor` around trainui: versions, session, limits, terminal, notifications, boot."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from trainui import disk, formatting, settings
from trainui.cli.machine.checks import BAD, GOOD, NOTE, Result
from trainui.cli.output import printing
from trainui.errors import install_advice
from trainui.version import __version__

LIBRARIES = ("celery", "kombu", "sqlalchemy", "textual", "numpy", "nvidia-ml-py")
"""The dependencies whose versions matter most."""

LEAST_FILES = 1024
"""Open files per process; data loaders with several workers need this many."""

LITTLE_SHARED_MEMORY = disk.GIGABYTE
"""Bytes of /dev/shm. Containers get 64 MB by default, with which data loaders crash."""

SHARED_MEMORY = Path("/dev/shm")


def versions() -> Result:
    """List the installed versions."""
    from trainui.store.db import schema

    found = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    return GOOD, f"trainui {__version__}, schema {schema.HEAD}; {found}"


def session() -> Result:
    """Check that runs survive a logout."""
    from trainui.execution.daemon import systemd

    if systemd.lingers():
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
        return GOOD, "off; see notify_command and notify_urls"
    message = f"by {' and '.join(ways)}: {', '.join(configured.notify_on)}"
    return GOOD, message


def at_boot() -> Result:
    """Check whether the worker starts at boot."""
    from trainui.execution.daemon import systemd

    if (path := systemd.path(os.environ)).exists():
        return GOOD, f"{path} starts the worker"
    return GOOD, "not set up; `trainui worker install` starts it at boot"


LEAST_SIZE = (80, 24)
"""Columns and lines that the whole screen needs."""


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
