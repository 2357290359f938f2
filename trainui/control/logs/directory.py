"""Finds an attempt's directory, on this host or another one."""

from __future__ import annotations

import os
from pathlib import Path

from trainui import plain_files, settings
from trainui.domain.file_access import Directory, LocalDirectory
from trainui.supervisor import protocol


def missing_log(directory: str) -> str | None:
    """Return why the log of an external run's attempt cannot be read; None: it can."""
    link = f"{directory}/{protocol.STDOUT_FILE}"
    if not os.path.islink(link):  # noqa: PTH114 (at each snapshot)
        return None
    try:
        plain_files.status(Path(link))
    except FileNotFoundError:
        return f"the log {os.readlink(link)} no longer exists"  # noqa: PTH115
    except OSError as error:
        return f"the log {os.readlink(link)} cannot be read: {error.strerror}"  # noqa: PTH115
    return None


def find(directory: str, attempt_id: int, host: str) -> Directory:
    """Return an attempt's directory: local or on a shared file system, else on the remote host."""
    near = Path(directory)
    configured = settings.load()
    is_local = configured.database_url is None or host in ("", settings.host(configured))
    if is_local or near.is_dir():
        return LocalDirectory(near)
    from trainui.control.logs.remote import RemoteDirectory

    return RemoteDirectory(attempt_id, host)
