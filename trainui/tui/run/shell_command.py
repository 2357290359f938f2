"""A stage's command as it can be pasted into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from trainui.domain.records import AttemptRecord, RunRecord, StageRecord
from trainui.pipeline.substitution.masking import MASK
from trainui.store.read.summary import shown_command
from trainui.supervisor.journal import read_spec
from trainui.supervisor.protocol import JournalError


def shell_command(
    run: RunRecord, stage: StageRecord, attempts: Sequence[AttemptRecord]
) -> str | None:
    """Return a stage's whole command for a shell, in its working directory; None for a task.

    Secrets are masked; without any, it is the command that the last attempt executed.
    """
    definition = stage.definition
    command = shown_command(run.params, definition)
    if command is None:
        return None
    text = command if isinstance(command, str) else shlex.join(command)
    with suppress(JournalError, OSError):
        spec = read_spec(Path(attempts[-1].directory)) if attempts else None
        if spec is not None and MASK not in text:
            text = spec.argv[-1] if isinstance(command, str) else shlex.join(spec.argv)
    return f"cd {shlex.quote(definition.workdir)}\n{text.rstrip()}\n"
