"""What the system may run short of as an attempt starts, and may have again a little later.

A stage that meets it waits with the reason and is tried again: it did nothing wrong.
"""

from __future__ import annotations

import errno
import os

_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EAGAIN}
    | {errno.ENOMEM}
)
"""No room on the disk, a used up quota, a file system made read-only (by an error, too), no more
open files, no more processes, no memory."""


def is_cause(error: BaseException | None) -> bool:
    """Tell whether an error, or what caused it, is such a shortage."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _ERRORS:
            return True
        error = error.__cause__
    return False


def is_told(message: str | None) -> bool:
    """Tell whether a supervisor's message tells of such a shortage."""
    return message is not None and any(os.strerror(number) in message for number in _ERRORS)
