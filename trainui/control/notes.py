"""Notes on runs, and which run came from which: a researcher's tree of experiments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainui import wakeup
from trainui.control.lookup import existing_run
from trainui.domain.notifications import NOTE
from trainui.domain.records import RunRecord
from trainui.errors import UsageError
from trainui.pipeline.substitution import masking
from trainui.store.db.engine import open_store
from trainui.store.runs import events, runs

VERDICTS = ("keep", "discard")

_LONGEST = 2000


def add(run_id: str, text: str, verdict: str | None = None) -> None:
    """Add a note to a run.

    Raises:
        NotFoundError: the run does not exist.
        UsageError: the note is empty or too long, or the verdict is unknown.
    """
    if not text.strip() and verdict is None:
        raise UsageError("the note is empty; give a text, or --verdict keep or discard")
    if len(text) > _LONGEST:
        raise UsageError(f"the note has {len(text)} characters; at most {_LONGEST} are allowed")
    if verdict not in (None, *VERDICTS):
        raise UsageError(f"--verdict {verdict!r}: expected {' or '.join(VERDICTS)}")
    with open_store().write() as connection:
        existing_run(connection, run_id)
        shown = ": ".join(part for part in (verdict, text.strip()) if part)
        data = {"note": text.strip(), "verdict": verdict}
        events.record(connection, run_id, NOTE, shown, data=data)
        runs.set_note(connection, run_id, text.strip() or None, verdict)
    wakeup.ring()


def difference(run: RunRecord, origin: RunRecord) -> str:
    """Return in a few words how a run's parameters and pipeline differ from those of its origin."""
    before: Mapping[str, Any] = masking.mask(origin.params)
    after: Mapping[str, Any] = masking.mask(run.params)
    changed = [
        f"{key} {before.get(key, '(none)')} → {after.get(key, '(none)')}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
    if not changed:
        return "same pipeline" if run.digest == origin.digest else "other pipeline file"
    return ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
