"""A run's own pipeline edited in place: its values, or its text, apart from the file it came from.

What comes of it is a pipeline as the resume with an edited file takes it, with the parameters that
the run was given besides.
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


@dataclass(frozen=True, slots=True)
class InlineEdit:
    """What a person makes of a run's pipeline."""

    text: str
    """The pipeline's, edited."""
    given: Mapping[str, str]
    """The parameters that are given besides it."""
    words: tuple[str, ...]
    """What was edited, such as `lr: 0.1 -> 0.01`; secret values masked."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value that a person may edit."""

    place: EditedValue
    value: str
    """As it counts: the one that was given, where one was."""
    given: bool = False
    """Whether it was given besides the file."""


def text_of(run: RunRecord) -> str:
    """Return the text of the pipeline that a run has.

    Raises:
        UsageError: the run is of no file, or its copy cannot be read.
    """
    if run.file is None:
        raise UsageError("it is of no pipeline file, so there is nothing to edit; start a new run")
    try:
        return plain_files.read_text(Path(run.directory) / PIPELINE_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the run's pipeline cannot be read: {error}") from error


def values_of(run: RunRecord, text: str, stage: StageDefinition | None) -> list[Value]:
    """Return the values of a run, and of one of its stages, that can be edited; no secret ones."""
    given = given_params(run.id)
    return [
        Value(place, given[place.name], given=True)
        if place.scope == "run" and place.name in given
        else Value(place, place.value)
        for place in editing.places(text, stage)
        if not is_secret(place.name)
    ]


def with_values(run: RunRecord, text: str, changes: Mapping[Value, str]) -> InlineEdit:
    """Return a run's pipeline with other values."""
    given = given_params(run.id)
    given |= {value.place.name: new for value, new in changes.items() if value.given}
    changed = {value.place: new for value, new in changes.items() if not value.given}
    words = tuple(f"{value.place.name}: {value.value} -> {new}" for value, new in changes.items())
    return InlineEdit(editing.with_values(text, changed), given, words)


def with_text(run: RunRecord, before: str, text: str) -> InlineEdit:
    """Return a run's pipeline with another text."""
    pairs = difflib.ndiff(before.splitlines(), text.splitlines())
    count = sum(line.startswith(("+ ", "- ")) for line in pairs)
    return InlineEdit(text, given_params(run.id), (f"{count} lines of the pipeline's text",))


def pipeline_of(run: RunRecord, alteration: InlineEdit) -> Pipeline:
    """Load an edited pipeline.

    Raises:
        PipelineFileError: it has problems.
    """
    directory = str(Path(run.file or ".").parent)
    loaded = loader.load_text(
        alteration.text, file=run.file, directory=directory, params=alteration.given
    )
    return replace(loaded, file=run.file)


def diff(run: RunRecord, pipeline: Pipeline, alteration: InlineEdit) -> str:
    """Return what was edited as a unified diff, the given parameters among it; secrets masked."""
    before = given_params(run.id)
    lines = [
        f"{sign}{name}: {MASK if is_secret(name) else values[name]}  (given with -p)\n"
        for name in alteration.given
        if alteration.given[name] != before.get(name)
        for sign, values in (("-", before), ("+", alteration.given))
        if name in values
    ]
    return "".join(lines) + file_changes.diff(run, pipeline, "edited here")


def file_digest(file: str | None) -> str | None:
    """Return the digest of a run's file as it is now; None where it is gone."""
    try:
        return (
            None if file is None else hashlib.sha256(plain_files.read_bytes(Path(file))).hexdigest()
        )
    except OSError:
        return None


def told(words: Sequence[str]) -> str:
    """Return what was edited in one sentence, for the run's history."""
    return f"edited in place: {'; '.join(words)}"
