"""The run that an action applies to, and how messages name runs and stages."""

from __future__ import annotations

from collections.abc import Sequence

from trainui import formatting
from trainui.model.records import RunRecord
from trainui.model.states import UNFINISHED
from trainui.store.read.run_list import RunLine
from trainui.text import harmless

MOST_NAMED = 4
"""Maximum number of runs or stages named in a message."""

Target = RunRecord | RunLine


def may_be_deleted(run: Target) -> bool:
    """Return True if no process of ours can still use its files; an external run's files stay."""
    return run.is_external or run.status not in UNFINISHED


def label(run: Target) -> str:
    """Return a run's name and short id, since several runs may share a name."""
    name = harmless(run.name)
    return name if run.name == run.id else f"{name} {formatting.short_id(run.id)}"


def listed(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names separated by commas, a long list shortened to `... and 3 more`."""
    return formatting.listed([harmless(name) for name in names], most)
