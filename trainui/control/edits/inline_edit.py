"""Edits a run's own pipeline, its values or its text, without touching the original file.

The result is a pipeline that is resumed like one from an edited file, with the run's `-p`
parameters.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trainui.control.edits import file_changes, members
from trainui.control.edits.members import MemberValues
from trainui.control.lookup import given_params
from trainui.domain.definition import Pipeline, StageDefinition
from trainui.domain.records import RunRecord
from trainui.errors import UsageError
from trainui.pipeline import editing
from trainui.pipeline.editing import EditedValue
from trainui.pipeline.substitution.masking import MASK, is_secret
from trainui.resume import shell_environment


@dataclass(frozen=True, slots=True)
class InlineEdit:
    """A user's edit of a run's pipeline."""

    text: str
    """The edited text of the pipeline."""
    given: Mapping[str, str]
    """The parameters given with `-p`."""
    words: tuple[str, ...]
    """Descriptions of the edits, e.g. `lr: 0.1 -> 0.01`, with secret values masked."""
    members: MemberValues = field(default_factory=dict)
    """The sweep's members with values other than the text's."""
    member: str | None = None
    """The name in the text of the only member to run; None: all stages run."""


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
    text = file_changes.text_on_record(run)
    if run.file is None and editing.command(text) is None:
        raise UsageError("this run has no pipeline file to edit; start a new run")
    return text


def values_of(
    run: RunRecord, text: str, stage: StageDefinition | None, *, alone: bool = False
) -> list[Value]:
    """Return the editable values of a run and of one of its stages, without those with secrets.

    Without a stage, only the run's values. With `alone`, parameters have the values that the stage,
    a member of a sweep, has alone.
    """
    given, own = given_params(run.id), {}
    command = editing.command(text) if run.file is None else None
    if stage is not None and stage.matrix is not None:
        loaded = file_changes.load_text(run, text, given)
        name = _name_in_file(run, loaded, given, stage.name)
        own = dict(members.recorded(run.id).get(name, {}))
        stage = next((one for one in loaded.stages if one.name == name), stage)
    values = []
    for place in (*filter(None, [command]), *editing.places(text, stage)):
        is_given = place.scope == "run" and place.name in given
        common = given[place.name] if is_given else place.value
        shown = own if alone or place.scope == "matrix" else {}
        values.append(Value(place, shown.get(members.key_of(place), common), is_given))
    masker = shell_environment.masker(Path(run.directory))
    return [
        value
        for value in values
        if not is_secret(value.place.name) and masker.text(value.value) == value.value
    ]


def with_values(
    run: RunRecord, text: str, changes: Mapping[Value, str], member: str | None = None
) -> InlineEdit:
    """Return a run's pipeline with changed values.

    With the full name of a `member` of a sweep, only this one is changed and run.
    """
    given, own = given_params(run.id), members.recorded(run.id)
    name = None
    if member is not None:
        name = _name_in_file(run, file_changes.load_text(run, text, given), given, member)
    changed = {}
    for value, new in changes.items():
        if name is not None:
            own[name] = {**own.get(name, {}), members.key_of(value.place): new}
        elif value.given:
            given[value.place.name] = new
        else:
            changed[value.place] = new
    words = tuple(f"{value.place.name}: {value.value} -> {new}" for value, new in changes.items())
    if member is not None:
        words = tuple(f"{member}: {word}" for word in words)
    return InlineEdit(editing.with_values(text, changed), given, words, own, name)


def _name_in_file(run: RunRecord, loaded: Pipeline, given: Mapping[str, str], member: str) -> str:
    own = members.applied(loaded, given, members.recorded(run.id))
    return members.name_in_file(loaded, own, member)


def with_text(run: RunRecord, before: str, text: str) -> InlineEdit:
    """Return a run's pipeline with changed text."""
    pairs = difflib.ndiff(before.splitlines(), text.splitlines())
    count = sum(line.startswith(("+ ", "- ")) for line in pairs)
    return edited(run, text, f"{count} lines of the pipeline's text")


def edited(run: RunRecord, text: str, words: str) -> InlineEdit:
    """Return an edit that leaves the run's `-p` parameters and its members as they are."""
    return InlineEdit(text, given_params(run.id), (words,), members.recorded(run.id))


def pipeline_of(run: RunRecord, edit: InlineEdit) -> tuple[Pipeline, str | None]:
    """Load an edited pipeline; raise PipelineFileError if it has problems.

    Returns it with the full name of the only member to run in it; None: all run.
    """
    loaded = file_changes.load_text(run, edit.text, edit.given)
    pipeline = members.applied(loaded, edit.given, edit.members)
    pairs = zip(loaded.stages, pipeline.stages, strict=True)
    return pipeline, next((own.name for stage, own in pairs if stage.name == edit.member), None)


def diff(run: RunRecord, pipeline: Pipeline, edit: InlineEdit) -> str:
    """Return the edit as a unified diff, including `-p` parameters, with secrets masked."""
    before, masker = given_params(run.id), shell_environment.masker(Path(run.directory))
    lines = [
        f"{sign}{name}: {MASK if is_secret(name) else masker.text(values[name])}  (given with -p)\n"
        for name in edit.given
        if edit.given[name] != before.get(name)
        for sign, values in (("-", before), ("+", edit.given))
        if name in values
    ]
    before_members = members.recorded(run.id)
    for name, values in edit.members.items():
        if values != (old := before_members.get(name, {})):
            lines += [f"-{name}: {key}={value}\n" for key, value in old.items()]
            lines += [f"+{name}: {key}={value}\n" for key, value in values.items()]
    return "".join(lines) + file_changes.diff(run, pipeline, "edited here")
