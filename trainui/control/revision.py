"""A resume with an edited file: what is another now, and whether a run can take it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainui import paths
from trainui.control import environment
from trainui.control.submission import PIPELINE_FILE, concealed, stage_directories
from trainui.domain.definition import Pipeline, StageDefinition
from trainui.domain.records import RunRecord, StageRecord
from trainui.domain.states import Status
from trainui.errors import UsageError
from trainui.pipeline import substitution
from trainui.pipeline.secrets import Secrets, masked_text

RESULT_FIELDS = (
    "command",
    "task",
    "params",
    "env",
    "workdir",
    "python",
    "inputs",
    "outputs",
    "success",
    "depends_on",
)
"""A completed stage runs again where one of these was edited; the others are policy."""


@dataclass(frozen=True, slots=True)
class Revision:
    """An edited pipeline and what it changes of a run."""

    pipeline: Pipeline
    """Submitted, as it is stored."""
    secrets: Secrets
    """What was taken out of it."""
    directories: Mapping[str, str]
    """Of its stages, by full name."""
    changed: Mapping[str, str]
    """The stages whose result may be another now, each with words for why."""
    stages: tuple[StageRecord, ...]
    """The run's stages as they will be, with new ones, in the new file's order."""


def compare(run: RunRecord, stages: Sequence[StageRecord], pipeline: Pipeline) -> Revision:
    """Find what an edited pipeline changes of a run.

    Raises:
        UsageError: it takes a stage away, or edits one that runs.
    """
    directory = Path(run.directory)
    directories = stage_directories(directory, pipeline)
    submitted = substitution.submit(pipeline, run_dir=run.directory, stage_dirs=directories)
    shell = environment.read_what_is_left(directory)
    stored, taken = concealed(submitted, pipeline, directory, shell.environ)
    known = {
        one.name: replace(one, definition=shell.secrets.reveal(one.definition)) for one in stages
    }
    _refuse_removed(known, submitted)
    changed: dict[str, str] = {}
    records = []
    for position, written in enumerate(submitted.stages):
        definition = _as_stored(written)
        record = known.get(definition.name) or _new(run, definition, directories[definition.name])
        if words := _what_changed(known.get(definition.name), definition):
            changed[definition.name] = words
        records.append(replace(record, definition=definition, position=position))
    for record in records:
        if record.name in changed and record.status == Status.RUNNING:
            raise UsageError(
                f"{record.name} is running, and its {changed[record.name]}; cancel it first, or "
                "resume when it has ended"
            )
    return Revision(stored, taken, directories, changed, tuple(records))


def _refuse_removed(known: Mapping[str, StageRecord], pipeline: Pipeline) -> None:
    removed = known.keys() - {stage.name for stage in pipeline.stages}
    if removed:
        raise UsageError(
            f"the run has {', '.join(sorted(removed))}, which {pipeline.file or 'the file'} has "
            "not; a resume takes no stage away: keep it, or submit a new run"
        )


def _as_stored(definition: StageDefinition) -> StageDefinition:
    return StageDefinition.from_json(json.loads(json.dumps(definition.to_json())))


def _what_changed(record: StageRecord | None, definition: StageDefinition) -> str | None:
    if record is None:
        return "is new"
    before = record.definition
    edited = [name for name in RESULT_FIELDS if getattr(before, name) != getattr(definition, name)]
    return f"{', '.join(edited)} edited" if edited else None


def _new(run: RunRecord, definition: StageDefinition, directory: str) -> StageRecord:
    return StageRecord(
        id="",
        run_id=run.id,
        position=0,
        name=definition.name,
        status=Status.SKIPPED,
        reason=None,
        definition=definition,
        directory=directory,
        attempt=0,
        celery_task_id=None,
        started_at=None,
        completed_at=None,
        exit_code=None,
        result=None,
        error=None,
        stalled=False,
        retries_used=0,
        not_before=None,
    )


def keep_text(run_directory: Path, text: str) -> None:
    """Write an edited file into a run's directory, and keep the one before under a number."""
    file = run_directory / PIPELINE_FILE
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    number = 1
    while (kept := file.with_stem(f"{file.stem}~{number}")).exists():
        number += 1
    if file.exists():
        file.rename(kept)
    paths.write_private(file, text)


def diff(before: str, edited: Pipeline, *, name: str) -> str:
    """Return what was edited of a pipeline's text, as a unified diff with its secrets masked.

    Args:
        before: the text as it is stored.
        edited: as loaded.
        name: what the edited one is called.
    """
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        masked_text(edited).splitlines(keepends=True),
        fromfile="as submitted",
        tofile=name,
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)
