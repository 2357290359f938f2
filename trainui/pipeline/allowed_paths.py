"""Check that a data path exists and lies inside an allowed directory.

Nothing here creates, opens or changes a file.
"""

# Paths are texts here, as in definitions and messages.
# ruff: noqa: PTH100, PTH111, PTH118

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from os import PathLike

from trainui import settings
from trainui.errors import UnsafePathError


def validate_file_path(
    path: str | PathLike[str],
    *,
    allowed: Sequence[str | PathLike[str]] | None = None,
    base: str | PathLike[str] | None = None,
) -> str:
    """Return the real path of an existing file or directory that may be read.

    Args:
        path: absolute, or with `~`, or relative.
        allowed: allowed directories in addition to those of the setting
            `allowed_dataset_dirs`.
        base: base directory of relative paths, including those of the setting; None: the current
            directory.

    Raises:
        UnsafePathError: after resolving symbolic links it is outside the allowed directories, or
            it does not exist, is neither a file nor a directory, or cannot be read.
    """
    shown = _checked_text(path)
    base = os.path.abspath(os.fspath(base) if base is not None else os.curdir)
    directories = allowed_directories(allowed, base=base)
    real = _resolve(shown, base)
    if not any(_is_within(real, directory) for directory in directories):
        raise UnsafePathError(_outside(shown, real, directories))
    _check_kind(shown, real)
    return real


def allowed_directories(
    extra: Sequence[str | PathLike[str]] | None = None, *, base: str | PathLike[str]
) -> list[str]:
    """Return the real paths of all allowed data directories; they need not exist."""
    configured = settings.load().allowed_dataset_dirs
    texts = [os.fspath(directory) for directory in (*configured, *(extra or ()))]
    found = [_resolve(text, os.fspath(base)) for text in texts if text.strip()]
    return list(dict.fromkeys(found))


def _checked_text(path: str | PathLike[str]) -> str:
    text = os.fspath(path)
    if not isinstance(text, str):
        raise UnsafePathError(f"{text!r}: a path must be text")
    if not text or "\0" in text:
        raise UnsafePathError(f"{text!r} cannot be a path: it is empty or contains a NUL character")
    return text


def _resolve(text: str, base: str) -> str:
    expanded = os.path.expanduser(text)
    try:
        return os.path.realpath(os.path.join(base, expanded))
    except (OSError, ValueError) as error:
        raise UnsafePathError(f"{text!r} cannot be followed: {error}") from error


def _is_within(path: str, directory: str) -> bool:
    """Compare whole path components: `/data2` is not inside `/data`."""
    return os.path.commonpath([path, directory]) == directory


def _outside(shown: str, real: str, directories: Sequence[str]) -> str:
    leads = f" (it leads to {real})" if real != shown else ""
    return (
        f"{shown!r}{leads} is outside the allowed directories: "
        f"{', '.join(directories)}; move it there, or add its directory to the setting "
        "allowed_dataset_dirs (or to TRAINUI_ALLOWED_DATASET_DIRS, a JSON list)"
    )


def _check_kind(shown: str, real: str) -> None:
    try:
        mode = os.lstat(real).st_mode  # a link here was created after realpath resolved the path
    except FileNotFoundError as error:
        where = f" (resolved to {real})" if real != shown else ""
        raise UnsafePathError(
            f"{shown!r} does not exist{where}; put it there, or correct the path"
        ) from error
    except OSError as error:
        raise UnsafePathError(f"{shown!r} cannot be checked: {error.strerror}") from error
    if stat.S_ISLNK(mode):
        raise UnsafePathError(f"{shown!r} is a circular link, or is being changed")
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UnsafePathError(f"{shown!r} is neither a file nor a directory")
    if not os.access(real, os.R_OK):
        raise UnsafePathError(f"{shown!r} cannot be read; change its permissions")
