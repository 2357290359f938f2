"""The revisions of the schema: which this version of trainui uses, upgrades or refuses."""

from __future__ import annotations

from trainui.errors import SchemaOutdatedError, SchemaRefusedError

REVISIONS = ("0100",)
"""Those in `store.migrations.versions`, in order: databases at an earlier one are upgraded."""

HEAD = REVISIONS[-1]
"""The one that this version reads and writes."""

BEFORE_RELEASE = tuple(f"{number:04}" for number in range(1, 12))
"""Those of versions that were never released. Any other unknown revision is a later one."""


def check(found: str, where: str) -> None:
    """Check that a revision is `HEAD`.

    Raises:
        SchemaRefusedError: it is later, or from before the first release.
        SchemaOutdatedError: it can be upgraded.
    """
    if found == HEAD:
        return
    if found in BEFORE_RELEASE:
        raise SchemaRefusedError(
            f"{where}: created by a trainui from before the first release (schema {found}), which "
            "this one cannot read; keep a copy with `trainui backup`, end what it runs with "
            "`trainui worker stop --with-stages`, then set TRAINUI_HOME to a new directory"
        )
    if found not in REVISIONS:
        raise SchemaRefusedError(
            f"{where}: created by a newer trainui (schema {found}; this one supports {HEAD}); "
            "upgrade trainui, or set TRAINUI_HOME to another directory"
        )
    raise SchemaOutdatedError(
        f"{where}: of an older trainui (schema {found}; this one needs {HEAD}): upgrade it with "
        "`trainui worker start`, for which the older worker leaves; stages keep running"
    )
