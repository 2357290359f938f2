"""The systemd user unit that starts the worker when the machine starts.

The guard keeps the worker alive; systemd only has to start the guard. Running stages are not
stopped with the unit.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from trainui.errors import UnfitEnvironmentError

KEPT = ("PATH", "LANG", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CUDA_VISIBLE_DEVICES")
"""Environment variables passed to the worker in addition to `TRAINUI_*`."""

LINGER = Path("/var/lib/systemd/linger")
"""Directory with a file for each user whose services outlive the login session."""

_TIMEOUT = 60.0


def text(environ: Mapping[str, str]) -> str:
    """Return the text of the unit file.

    The variables give the home, the settings and PATH.
    """
    named = [name for name in environ if name.startswith("TRAINUI_")]
    variables = {name: environ[name] for name in sorted({*named, *KEPT}) if environ.get(name)}
    command = f"{_quoted(sys.executable.replace('$', '$$'))} -P -m trainui worker"
    return "\n".join(
        [
            "[Unit]",
            "Description=trainui: the worker that runs training pipelines",
            "",
            "[Service]",
            "Type=oneshot",
            "RemainAfterExit=yes",
            "# stages keep running when the worker is stopped",
            "KillMode=process",
            *(f"Environment={_quoted(f'{name}={value}')}" for name, value in variables.items()),
            f"ExecStart={command} start",
            f"ExecStop={command} stop",
            "",
            "[Install]",
            "WantedBy=default.target",
            "",
        ]
    )


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def path(environ: Mapping[str, str]) -> Path:
    """Return the path of the unit file; each non-default home has a separate one."""
    base = environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    home = environ.get("TRAINUI_HOME")
    suffix = f"-{hashlib.sha256(os.fsencode(home)).hexdigest()[:8]}" if home else ""
    return Path(base, "systemd", "user", f"trainui-worker{suffix}.service")


def install(environ: Mapping[str, str]) -> Path:
    """Write the unit, start it and enable it at boot; return its path.

    Raises:
        UnfitEnvironmentError: this user has no systemd user manager, or systemd would end the
            worker and all stages at the user's last logout.
    """
    _check_bus()
    _check_linger()
    unit = path(environ)
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.touch(mode=0o600)  # a setting may be a database's address, with its password
    unit.write_text(text(environ), encoding="utf-8")
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", unit.name)
    return unit


def uninstall(environ: Mapping[str, str]) -> Path | None:
    """Disable and remove the unit; return its path, or None if it was not installed.

    Raises:
        UnfitEnvironmentError: systemctl failed.
    """
    unit = path(environ)
    if not unit.exists():
        return None
    if has_bus():
        _systemctl("disable", unit.name)
    unit.unlink()
    if has_bus():
        _systemctl("daemon-reload")
    return unit


def has_bus() -> bool:
    """Return True if this user has a systemd user manager."""
    if shutil.which("systemctl") is None:
        return False
    return _run("systemctl", "--user", "show-environment").returncode == 0


def lingers() -> bool:
    """Return True if this user's services outlive the login sessions (linger is enabled)."""
    try:
        return Path(LINGER, getpass.getuser()).exists()
    except (KeyError, OSError):  # a container's user without a name
        return False


def _check_bus() -> None:
    if not has_bus():
        raise UnfitEnvironmentError(
            "systemd user services are not available (`systemctl --user` finds no bus), as in "
            "containers and on some clusters. Commands that need the worker start it; to start it "
            "at boot where cron runs, add this line with `crontab -e`:\n"
            f"@reboot {sys.executable} -P -m trainui worker start"
        )


def _check_linger() -> None:
    if lingers() or _run("loginctl", "enable-linger").returncode == 0:
        return
    raise UnfitEnvironmentError(
        "linger is off: systemd would end the worker and all stages at your last logout, and would "
        "not start it at boot; enable it with "
        f"`sudo loginctl enable-linger {getpass.getuser()}`, then try again"
    )


def _systemctl(*arguments: str) -> None:
    done = _run("systemctl", "--user", *arguments)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise UnfitEnvironmentError(f"`systemctl --user {' '.join(arguments)}` failed: {said}")


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIMEOUT,
        check=False,
    )
