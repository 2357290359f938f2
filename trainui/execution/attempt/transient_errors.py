"""Transient system errors at the start of an attempt, e.g. no disk space or no memory.

The stage is requeued with the reason and does not use up a retry, since it is not at fault.
"""

from __future__ import annotations

import errno

_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EAGAIN}
    | {errno.ENOMEM}
)
"""Disk full, quota exceeded, file system (re)mounted read-only, too many open files, too many
processes, out of memory."""


def is_cause(error: BaseException | None) -> bool:
    """Return True if an error, or a cause in its chain, is transient."""
    while error is not None:
        if isinstance(error, OSError) and is_number(error.errno):
            return True
        error = error.__cause__
    return False


def is_number(number: int | None) -> bool:
    """Return True if an errno is transient."""
    return number in _ERRORS
