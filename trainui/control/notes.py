"""Notes on runs, and which run came from which: a researcher's tree of experiments."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

from trainui import formatting, wakeup
from trainui.errors import UsageError
from trainui.model.notifications import NOTE
from trainui.model.records import RunRecord
from trainui.pipeline.matrix import TRIAL
from trainui.pipeline.substitution import masking
from trainui.resume.submitted import existing_run
from trainui.store import shell_environment
from trainui.store.db.engine import open_store
from trainui.store.db.protocol import Connection
from trainui.store.read import views
from trainui.store.read.run_json import shown_command
from trainui.store.runs import events, runs

VERDICTS = ("keep", "discard")

_LONGEST = 2000


def check(text: str, verdict: str | None = None) -> None:
    """Raise UsageError for a note that is empty or too long, or an unknown verdict."""
    if not text.strip() and verdict is None:
        raise UsageError("the note is empty; give a text, or --verdict keep or discard")
    if len(text) > _LONGEST:
        raise UsageError(f"the note has {len(text)} characters; at most {_LONGEST} are allowed")
    if verdict not in (None, *VERDICTS):
        raise UsageError(f"--verdict {verdict!r}: expected {' or '.join(VERDICTS)}")


def add(run_id: str, text: str, verdict: str | None = None) -> None:
    """Add a note to a run, its secrets masked; raise UsageError for one that `check` rejects."""
    check(text, verdict)
    with open_store().write() as connection:
        run = existing_run(connection, run_id)
        note = shell_environment.masker(Path(run.directory)).text(text.strip())
        shown = ": ".join(part for part in (verdict, note) if part)
        data = {"note": note, "verdict": verdict}
        events.record(connection, run_id, NOTE, shown, data=data)
        runs.set_note(connection, run_id, note or None, verdict)
    wakeup.wake()


def difference(connection: Connection, run: RunRecord, origin: RunRecord) -> str:
    """Return in a few words how a run differs from its origin.

    These are values, else words of a bare command, else the pipeline file.
    """
    before, after = (_values(connection, one) for one in (origin, run))
    changed = [
        f"{key} {before.get(key, '(none)')} → {after.get(key, '(none)')}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
    changed = changed or _in_command(*(_words(connection, one) for one in (origin, run)))
    return formatting.listed(changed) if changed else _in_file(connection, run, origin)


def _words(connection: Connection, run: RunRecord) -> Sequence[str]:
    """Return the words of a bare command; empty for other runs."""
    commands = [
        shown_command(run.params, one.definition) for one in views.stages(connection, run.id)
    ]
    return commands[0] if len(commands) == 1 and isinstance(commands[0], list) else ()


def _in_command(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return the words that differ, each after its option: `--lr 0.05 → 0.3`; else the command."""
    if not (before and after):
        return []
    if before == after:
        return ["same command"]
    if len(before) != len(after):
        return [f"command: {shlex.join(after)}"]
    options = ["", *(f"{word} " if word.startswith("-") else "" for word in after)]
    changes = zip(options, before, after, strict=False)
    return [f"{option}{old} → {new}" for option, old, new in changes if old != new]


def _values(connection: Connection, run: RunRecord) -> Mapping[str, Any]:
    """Return a run's parameters, and the values of its matrices and of its searches' spaces."""
    swept: dict[str, dict[str, None]] = {}
    for stage in views.stages(connection, run.id):
        if stage.removed:
            continue
        definition = stage.definition
        own = {name: str(value) for name, value in (definition.matrix or {}).items()}
        if definition.trial is not None:
            own.pop(TRIAL, None)
        space = definition.search.space if definition.search else {}
        for name, value in (*own.items(), *((name, str(one)) for name, one in space.items())):
            swept.setdefault(name, {})[value] = None
    shown = {name: ", ".join(values) for name, values in swept.items()}
    return masking.mask({**run.params, **shown})


def _in_file(connection: Connection, run: RunRecord, origin: RunRecord) -> str:
    if run.digest == origin.digest:
        return "same pipeline"
    texts = (views.pipeline_text(connection, one.digest) for one in (origin, run))
    before, after = (text.splitlines() for text in texts)
    lines = unified_diff(before, after, lineterm="", n=0)
    signs = [line[0] for line in lines if line[:3] not in ("---", "+++", "@@ ")]
    return f"pipeline file: +{signs.count('+')} -{signs.count('-')} lines"
