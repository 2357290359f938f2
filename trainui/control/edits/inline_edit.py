"""Edits a run's own pipeline, its values or its text, without touching the original file.

The result is a pipeline that is resumed like one from an edited file, with the run's `-p`
parameters.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainui import plain_files
from trainui.control.edits import file_changes
from trainui.control.lookup import given_params
from trainui.control.submission import PIPELINE_FILE
from trainui.domain.definition import Pipeline, StageDefinition
from trainui.domain.records import RunRecord
from trainui.errors import UsageError
from trainui.pipeline import editing, loader
from trainui.pipeline.editing import EditedValue
from trainui.pipeline.substitution.masking import MASK, is_secret
from trainui.store.read import views


@dataclass(frozen=True, slots=True)
class InlineEdit:
    """A user's edit of a run's pipeline."""

    text: str
    """The edited text of the pipeline."""
    given: Mapping[str, str]
    """The parameters given with `-p`."""
    words: tuple[str, ...]
    """Descriptions of the edits, e.g. `lr: 0.1 -> 0.01`, with secret values masked."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value that the user may edit."""

    place: EditedValue
    value: str
    """The effective value: the one given with `-p`, if any."""
    given: bool = False
    """True if it was given with `-p`."""


def text_of(run: RunRecord) -> str:
    """Return the text of a run's pipeline.

    Raises:
        UsageError: the run has neither a pipeline file nor only one command, or it cannot be read.
    """
    try:
        text = plain_files.read_text(Path(run.directory) / PIPELINE_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the run's pipeline cannot be read: {error}") from error
    if run.file is None and editing.command(text) is None:
        raise UsageError("this run has no pipeline file to edit; start a new run")
    return text


def values_of(run: RunRecord, text: str, stage: StageDefinition | None) -> list[Value]:
    """Return the editable values of a run and of one of its stages, without secret ones."""
    given = given_params(run.id)
    command = editing.command(text) if run.file is None else None
    return [
        Value(place, given[place.name], given=True)
        if place.scope == "run" and place.name in given
        else Value(place, place.value)
        for place in (*filter(None, [command]), *editing.places(text, stage))
        if not is_secret(place.name)
    ]


def with_values(run: RunRecord, text: str, changes: Mapping[Value, str]) -> InlineEdit:
    """Return a run's pipeline with changed values."""
    given = given_params(run.id)
    given |= {value.place.name: new for value, new in changes.items() if value.given}
    changed = {value.place: new for value, new in changes.items() if not value.given}
    words = tuple(f"{value.place.name}: {value.value} -> {new}" for value, new in changes.items())
    return InlineEdit(editing.with_values(text, changed), given, words)


def with_text(run: RunRecord, before: str, text: str) -> InlineEdit:
    """Return a run's pipeline with changed text."""
    pairs = difflib.ndiff(before.splitlines(), text.splitlines())
    count = sum(line.startswith(("+ ", "- ")) for line in pairs)
    return InlineEdit(text, given_params(run.id), (f"{count} lines of the pipeline's text",))


def pipeline_of(run: RunRecord, edit: InlineEdit) -> Pipeline:
    """Load an edited pipeline.

    Raises:
        PipelineFileError: the edited pipeline has problems.
    """
    directory = _workdir(run) if run.file is None else str(Path(run.file).parent)
    loaded = loader.load_text(edit.text, file=run.file, directory=directory, params=edit.given)
    return replace(loaded, file=run.file)


def _workdir(run: RunRecord) -> str:
    """Return the working directory of a run of one command."""
    with views.reading() as connection:
        (stage,) = views.stages(connection, run.id)
    return stage.definition.workdir


def diff(run: RunRecord, pipeline: Pipeline, edit: InlineEdit) -> str:
    """Return the edit as a unified diff, including `-p` parameters, with secrets masked."""
    before = given_params(run.id)
    lines = [
        f"{sign}{name}: {MASK if is_secret(name) else values[name]}  (given with -p)\n"
        for name in edit.given
        if edit.given[name] != before.get(name)
        for sign, values in (("-", before), ("+", edit.given))
        if name in values
    ]
    return "".join(lines) + file_changes.diff(run, pipeline, "edited here")


def file_digest(file: str | None) -> str | None:
    """Return the digest of a run's file now; None if it is missing."""
    try:
        return (
            None if file is None else hashlib.sha256(plain_files.read_bytes(Path(file))).hexdigest()
        )
    except OSError:
        return None


def history_text(words: Sequence[str]) -> str:
    """Return a one-line description of the edits, for the run's history."""
    return f"edited in place: {'; '.join(words)}"
