"""What the system may run short of as an attempt starts, and may have again a little later.

A stage that meets it waits with the reason and is tried again: it did nothing wrong.
"""

from __future__ import annotations

import errno

_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EAGAIN}
    | {errno.ENOMEM}
)
"""No room on the disk, a used up quota, a file system made read-only (by an error, too), no more
open files, no more processes, no memory."""


def is_cause(error: BaseException | None) -> bool:
    """Tell whether an error, or what caused it, is such a shortage."""
    while error is not None:
        if isinstance(error, OSError) and is_number(error.errno):
            return True
        error = error.__cause__
    return False


def is_number(number: int | None) -> bool:
    """Tell whether an error of this number is such a shortage."""
    return number in _ERRORS
