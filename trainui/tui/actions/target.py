"""The run that an action applies to, and how messages name runs and stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from trainui import formatting
from trainui.domain.states import UNFINISHED, Status
from trainui.text import harmless

if TYPE_CHECKING:
    from trainui.domain.records import RunRecord
    from trainui.store.read.run_list import RunLine

MOST_NAMED = 4
"""Maximum number of runs or stages named in a message."""


class Target(NamedTuple):
    """The run that an action applies to."""

    id: str
    name: str
    status: Status
    priority: int
    is_external: bool = False
    """True if trainui did not start it."""

    @classmethod
    def of(cls, run: RunRecord | RunLine) -> Target:
        """Return a run as a target."""
        external = run.is_external
        return cls(run.id, run.name, run.status, run.priority, external)

    @property
    def may_be_deleted(self) -> bool:
        """True if no process of ours can still use its files; those of an external run stay."""
        return self.is_external or self.status not in UNFINISHED

    @property
    def label(self) -> str:
        """The run's name and short id, since several runs may share a name."""
        name = harmless(self.name)
        return name if self.name == self.id else f"{name} {self.id[:8]}"


def listed(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names separated by commas, a long list shortened to `... and 3 more`."""
    return formatting.listed([harmless(name) for name in names], most)
