"""Finds an attempt's directory, on this host or another one."""

from __future__ import annotations

import os
from pathlib import Path

from trainui import settings
from trainui.domain.file_access import Directory, LocalDirectory
from trainui.supervisor import protocol


def deleted_log(directory: str) -> str | None:
    """Return the log of an external run's attempt that no longer exists; None: it does."""
    link = f"{directory}/{protocol.STDOUT_FILE}"
    if not os.path.islink(link) or os.path.exists(link):  # noqa: PTH110, PTH114 (at each snapshot)
        return None
    return os.readlink(link)  # noqa: PTH115


def find(directory: str, attempt_id: int, host: str) -> Directory:
    """Return an attempt's directory: local or on a shared file system, else on the remote host."""
    near = Path(directory)
    configured = settings.load()
    is_local = configured.database_url is None or host in ("", settings.host(configured))
    if is_local or near.is_dir():
        return LocalDirectory(near)
    from trainui.control.logs.remote import RemoteDirectory

    return RemoteDirectory(attempt_id, host)
