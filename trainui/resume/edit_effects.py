"""Finds what an edited pipeline changes of a run, and checks that the run can accept it.

Also which pipeline a resume uses: that on record, an edited file's, or an inline edit's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from trainui import formatting, paths, system
from trainui.errors import TrainuiError, UsageError
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import Status
from trainui.pipeline import masking, matrix
from trainui.pipeline.filling import with_recorded_checkpoints, with_recorded_trials
from trainui.pipeline.masking import Secrets
from trainui.pipeline.rules import fingerprint
from trainui.record import dataclass
from trainui.resume import edits, submitted
from trainui.resume.edits import InlineEdit, Suggestion, Value
from trainui.resume.submitted import (
    PIPELINE_FILE,
    SnapshotPaths,
    filled_in,
    stage_directories,
    submission_of,
)
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.read import event_feed, views
from trainui.text import harmless


@dataclass(slots=True)
class PipelineChanges:
    """An edited pipeline and its differences from a run; `compare` adds stage by stage."""

    pipeline: Pipeline
    """The edited pipeline, ready to be stored."""
    secrets: Secrets
    """The secret values removed from it."""
    directories: Mapping[str, str]
    """The directories of its stages, by full name."""
    stages: list[StageRecord] = field(default_factory=list)
    """The run's stages as they will be: in the new file's order, then the removed ones."""
    edited: dict[str, list[str]] = field(default_factory=dict)
    """The stages whose work changed, with descriptions of the edits."""
    secret: dict[str, list[str]] = field(default_factory=dict)
    """The descriptions of edits to secret values only, which stored definitions do not show."""
    new: set[str] = field(default_factory=set)
    """Full names of the stages that the run did not have, or that had been removed from it."""
    moved: dict[str, str] = field(default_factory=dict)
    """The members of a sweep that got other values: the name from now on -> the name before."""
    waiting: dict[str, list[str]] = field(default_factory=dict)
    """The running stages that keep their definitions, with descriptions of the edits."""

    def add(self, record: StageRecord, definition: StageDefinition) -> None:
        """Add a stage with its definition from now on."""
        place = len(self.stages)
        self.stages.append(record._replace(definition=definition, position=place, removed=False))

    def compare(
        self,
        record: StageRecord,
        before: StageDefinition,
        now: StageDefinition,
        hidden: Mapping[str, Any],
        definition: StageDefinition,
    ) -> StageDefinition:
        """Note how a stage was edited; return its definition from now on."""
        words = fingerprint.changes(before, now, hidden)
        if not words:
            # the file's policy (e.g. retries) and the work on record
            work = {name: getattr(record.definition, name) for name in fingerprint.FIELDS}
            return replace(definition, **work)
        if _keeps_definition(record, definition.depends_on):
            self.waiting[record.name] = words
            return replace(record.definition, search=definition.search)
        alike = fingerprint.same_fields(record.definition, definition)
        self.edited[record.name] = words
        self.secret[record.name] = fingerprint.changes(before, now, hidden, alike)
        return definition

    def add_left_out(self, stage: StageRecord, names: AbstractSet[str]) -> None:
        """Add a stage that the file, with the stages `names`, no longer has."""
        stays = _keeps_definition(stage, names & set(stage.depends_on))
        stays = stays and stage.definition.trial is None  # a search has its number of trials
        if stays:
            self.waiting[stage.name] = ["no longer in the file"]
        self.stages.append(stage._replace(removed=not stays, position=len(self.stages)))


def compare(
    run: RunRecord, stages: Sequence[StageRecord], pipeline: Pipeline, given: Mapping[str, str]
) -> PipelineChanges:
    """Find what an edited pipeline changes of a run.

    A running stage keeps the definition that it was started with, since its end is judged by it.

    Raises:
        UsageError: the edit changes which stages a running one depends on.
    """
    directory, renamed = Path(run.directory), _renamed(run, stages, pipeline, given)
    directories = stage_directories(directory, pipeline, stages)
    moved = _snapshot_paths(run, pipeline)
    submitted = _submitted(run, stages, pipeline, moved)
    shell = shell_environment.read_or_empty(directory)
    as_written = filled_in(pipeline, directory, stages, secrets=False)
    stored, taken = masking.conceal(
        submitted, as_written, shell_environment.inheritable(shell.environ)
    )
    check_search_edits(stages, stored.stages)
    waited = stages_with_waiting_edits(run.id)
    before = _before(run, stages, shell.secrets, given, moved, waited)
    known = {stage.name: stage for stage in stages}
    submitted = _with_recorded(submitted, stages)
    stored = _with_recorded(stored, stages)
    directories |= {
        one.name: known[one.name].directory for one in stored.stages if one.name in known
    }
    hidden = {"before": shell.secrets.params, "now": pipeline.params}
    changed = PipelineChanges(stored, taken, directories, moved=renamed)
    for real, kept in zip(submitted.stages, stored.stages, strict=True):
        record, definition = known.get(kept.name), _as_stored(kept)
        if (old := renamed.get(kept.name)) is not None:
            place = directories[kept.name]
            record = known[old]._replace(name=kept.name, directory=place)
            before[kept.name] = before[old]
        if record is None or record.removed:
            changed.new.add(kept.name)
            record = record or _new(run, definition, directories[kept.name])
            record = record._replace(reason=None)  # that it was removed
        else:
            now = _as_stored(real)
            definition = changed.compare(record, before[kept.name], now, hidden, definition)
        changed.add(record, definition)
    gone = {stage.name for stage in stages} - directories.keys() - {*renamed.values()}
    for stage in (stage for stage in stages if stage.name in gone):
        changed.add_left_out(stage, directories.keys())
    waiting = changed.waiting.keys()
    changed.pipeline = stored.with_stages(
        tuple(one.definition for one in changed.stages if not one.removed)
    )
    # stages that keep their definitions keep their secret values and directories
    values = {name: own for name, own in shell.secrets.stages.items() if name in waiting}
    others = {name: own for name, own in taken.stages.items() if name not in waiting}
    changed.secrets = replace(taken, stages=others | values)
    changed.directories = directories | {name: known[name].directory for name in waiting}
    check_running(changed, stages)
    return changed


def _renamed(
    run: RunRecord, stages: Sequence[StageRecord], pipeline: Pipeline, given: Mapping[str, str]
) -> dict[str, str]:
    """Return the members that got other values alone, each with its name before.

    They are the same stages: what an edit of a member changes is its name, as the text stays. A
    trial whose values were asked for is another one, since its study has them; so is a member of a
    pruned matrix that has not begun, which is then pruned by its new values.
    """
    known = {stage.name: stage for stage in stages if not stage.removed}
    try:
        before = edits.pipeline_on_record(run, given)
    except TrainuiError:
        return {}
    if before.text != pipeline.text or len(before.stages) != len(pipeline.stages):
        return {}
    names = {stage.name for stage in stages}
    return {
        now.name: old.name
        for old, now in zip(before.stages, pipeline.stages, strict=True)
        if old.name != now.name and old.name in known and now.name not in names
        if now.search is None or (not now.search.asks and known[old.name].attempt)
        if known[old.name].status != Status.RUNNING
    }


def _keeps_definition(stage: StageRecord, depends_on: Collection[str]) -> bool:
    """Return True if an edit of a stage waits: it is running, and its place in the DAG stays."""
    return stage.status == Status.RUNNING and set(stage.depends_on) == set(depends_on)


def stages_with_waiting_edits(run_id: str) -> list[str]:
    """Return the full names of the stages that were running when the pipeline was edited."""
    return list(submission_of(run_id).get("waiting", ()))


def check_running(changed: PipelineChanges, stages: Sequence[StageRecord]) -> None:
    """Raise UsageError if a stage is running that an edited file changes or removes."""
    removed = [stage.name for stage in changed.stages if stage.removed]
    for stage in stages:
        if stage.status == Status.RUNNING and stage.name in (*changed.edited, *removed):
            what = "the file no longer has it" if stage.name in removed else "it was edited"
            raise UsageError(
                f"{stage.name} is running, and {what}; cancel it first, or resume when it has ended"
            )


def _snapshot_paths(run: RunRecord, pipeline: Pipeline) -> SnapshotPaths | None:
    moved = submitted.snapshot_paths(submission_of(run.id), Path(run.directory))
    if pipeline.snapshot and moved is None:
        raise UsageError(
            "the run has no snapshot of its code, and a resume cannot change that; remove "
            "`snapshot` from the file, or submit a new run"
        )
    return moved


def _submitted(
    run: RunRecord, stages: Sequence[StageRecord], pipeline: Pipeline, moved: SnapshotPaths | None
) -> Pipeline:
    submitted = filled_in(pipeline, Path(run.directory), stages)
    return submitted if moved is None else moved.pipeline(submitted)


def _before(
    run: RunRecord,
    stages: Sequence[StageRecord],
    secrets: Secrets,
    given: Mapping[str, str],
    moved: SnapshotPaths | None,
    waited: Collection[str],
) -> dict[str, StageDefinition]:
    """Return the stages of the file on record, parsed by this version of trainui, by full name.

    Another version may have substituted the same text differently, and only edits should count. If
    the text cannot be parsed any more, return the stages on record; also return those that were
    running when it was edited (`waited`) as they are on record.
    """
    recorded = {
        stage.name: secrets.reveal(stage.definition) for stage in stages if not stage.removed
    }
    try:
        again = _submitted(run, stages, edits.pipeline_on_record(run, given), moved)
    except TrainuiError:
        return recorded
    again = _with_recorded(again, stages)
    parsed = {stage.name: _as_stored(stage) for stage in again.stages if stage.name not in waited}
    return recorded | parsed


def _with_recorded(pipeline: Pipeline, stages: Sequence[StageRecord]) -> Pipeline:
    """Return an edited pipeline with what is on record of searches and of each checkpoint."""
    pipeline = with_recorded_trials(pipeline, {one.name: one.definition for one in stages})
    left = [one for one in stages if not one.removed]
    definitions = {one.name: one.definition for one in left}
    return with_recorded_checkpoints(
        pipeline, definitions, {one.name: one.directory for one in left}
    )


def _as_stored(definition: StageDefinition) -> StageDefinition:
    return StageDefinition.from_json(json.loads(json.dumps(definition.to_json())))


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
    )


def keep_text(run_directory: Path, text: str) -> None:
    """Write an edited file into a run's directory, and keep the previous one as `NAME~N`."""
    file = run_directory / PIPELINE_FILE
    if file.exists() and system.read_text(file) == text:
        return
    number = 1
    while (kept := file.with_stem(f"{file.stem}~{number}")).exists():
        number += 1
    if file.exists():
        file.rename(kept)
    paths.write_private(file, text)


NEW_RUN = "submit a new run, or undo the edit"


def check_search_edits(stages: Iterable[StageRecord], edited: Sequence[StageDefinition]) -> None:
    """Raise UsageError if trials on record are not comparable with those of an edited pipeline."""
    after = {stage.group: stage for stage in edited if stage.search is not None}
    before = {
        stage.definition.group: stage.definition
        for stage in stages
        if stage.definition.trial_params and not stage.removed
    }
    for name in before.keys() & after.keys():
        if (before[name].over is None) != (after[name].over is None):
            raise UsageError(
                f"{name}: `seeds` of a search that has trials can change, but neither be added nor "
                f"removed; {NEW_RUN}"
            )
        old, new = before[name].search, after[name].search
        for name_of in ("metric", "goal"):
            was, now = getattr(old, name_of, None), getattr(new, name_of, None)
            if old is not None and was != now:
                raise UsageError(
                    f"{name}: the {name_of} of a search that has trials cannot change "
                    f"({was} -> {now}); {NEW_RUN}"
                )


def with_more_trials(run: RunRecord, more: int) -> InlineEdit:
    """Return a run's pipeline with more trials for its only search.

    Raises:
        UsageError: the run has no search, several, or one whose `trials` is not a plain number.
    """
    with engine.reading() as connection:
        stages = views.stages(connection, run.id)
    found = {
        one.definition.group: one.definition
        for one in stages
        if one.definition.trial is not None and not one.removed
    }
    if not found:
        raise UsageError(f"--trials asks for more trials of a search, and {run.name} has none")
    if len(found) > 1:
        raise UsageError(
            f"{run.name} has several searches: {', '.join(found)}; edit `trials` in its file, and "
            "resume with --file"
        )
    [(name, trial)] = found.items()
    text = edits.text_of(run)
    values = {one.name: one for one in edits.editable_values(text, trial) if one.scope == "search"}
    place = values.get("trials")
    if place is None or not place.value.isdecimal():
        raise UsageError(
            f"`trials` of {name} is not written as a number in its search; edit it in the file, "
            "and resume with --file"
        )
    total = int(place.value) + more
    changed = edits.with_replaced(text, {place: str(total)})
    return edits.edited(run, changed, f"{name}: trials {place.value} -> {total}")


def with_more_seeds(run: RunRecord, stages: Iterable[StageDefinition], more: int) -> InlineEdit:
    """Return a run's pipeline with more seeds for the sweeps of these stages.

    Raises:
        UsageError: the run's file does not have the seeds of one of them.
    """
    text = edits.text_of(run)
    words = []
    for group, stage in {one.group or one.name: one for one in stages}.items():
        found = edits.with_more_seeds(text, stage, more)
        if found is None:
            raise UsageError(
                f"{group} of {run.name} has no seeds to add to: give it `seeds: {more + 1}` in its "
                "file, use ${matrix.seed} in its command, and resume with --file"
            )
        text, word = found
        words.append(f"{group}: {word}")
    return edits.edited(run, text, "; ".join(words))


def seeded_stages(run: RunRecord) -> list[StageDefinition]:
    """Return the stages of a run that have seeds, a member of each sweep.

    Raises:
        UsageError: there is none.
    """
    with engine.reading() as connection:
        stages = views.stages(connection, run.id)
    found = {
        one.definition.group: one.definition
        for one in stages
        if not one.removed
        if one.definition.over is not None or any(map(matrix.is_seed, one.definition.matrix or ()))
    }
    if not found:
        raise UsageError(
            f"--seeds adds seeds to a sweep, and {run.name} has none: give a stage `seeds: N` in "
            "its file, use ${matrix.seed} in its command, and resume with --file"
        )
    return list(found.values())


# Which pipeline to resume with.


@dataclass(frozen=True, slots=True)
class PipelineChoice:
    """The pipeline of a resume."""

    pipeline: Pipeline | None = None
    """The edited pipeline; None: the one on record."""
    diff: str | None = None
    """Its difference from the one on record."""
    changed_file: str | None = None
    """The run's pipeline file, if it has changed since the run and no other one was given."""
    edit: InlineEdit | None = None
    """The inline edit that made the pipeline, if it does not come from a file."""
    member: str | None = None
    """The full name of the sweep's member that the edit is of; None: of the run."""
    waited: Sequence[str] = ()
    """Full names of the stages that were running when the pipeline was edited."""
    undoes: bool = False
    """True if the run was edited in place, which its file does not have."""

    @property
    def is_changed(self) -> bool:
        """True if the pipeline on record, without an edit, is a choice as well."""
        return self.changed_file is not None or bool(self.waited)


def choose_pipeline(
    run: RunRecord,
    *,
    file: str | None = None,
    edit: InlineEdit | None = None,
    as_submitted: bool = False,
) -> PipelineChoice:
    """Return the pipeline to resume with: the given file, the inline edit, or the run's own file.

    With `as_submitted`, changes of the run's file since the submission are ignored. It reads files,
    so the screen calls it in a thread.

    Raises:
        PipelineFileError: the file or the edit has problems.
    """
    if edit is not None:
        pipeline, member = edits.pipeline_of(run, edit)
        diff = edits.edit_diff(run, pipeline, edit)
        return PipelineChoice(pipeline, diff, edit=edit, member=member)
    changed = None if file is not None else edits.changed_file(run)
    source = file or changed
    waited = stages_with_waiting_edits(run.id)
    if as_submitted:
        return PipelineChoice(changed_file=changed, waited=waited)
    if source is not None:
        pipeline = edits.load(source, run)
        if file is not None or not edits.is_equivalent(pipeline, run):
            undoes = submission_of(run.id).get("seen_digest") is not None
            diff = edits.file_diff(run, pipeline, source)
            return PipelineChoice(pipeline, diff, changed, undoes=undoes)
    if not waited:
        return PipelineChoice()
    words = f"{formatting.listed(waited)}: the edit made while it was running"
    edit = edits.edited(run, edits.text_of(run), words)
    pipeline, _member = edits.pipeline_of(run, edit)
    return PipelineChoice(pipeline, edit=edit, waited=waited)


# The edits that causes of failures suggest.


def suggestion(stage: StageRecord, values: Sequence[Value]) -> Suggestion:
    """Return the values that the cause of a stage's last failure suggests."""
    with engine.reading() as connection:
        cause = event_feed.cause(connection, stage.run_id, stage.name, stage.attempt)
    edit = (cause or {}).get("edit")
    if cause is None or not edit:
        return Suggestion()
    left = {name: str(value) for name, value in edit["params"].items()}
    found: dict[int, str] = {}
    for at, value in enumerate(values):  # options in a command, unless they are parameters
        for name in [*left]:
            option = re.compile(
                rf"(?<![\w.-])((?:--?)?{re.escape(name)}(?:=|\s+)['\"]?)((?!\S*\$\{{)[^\s'\"]+)"
            )
            if value.place.scope == "command" and option.search(value.value):
                changed = found.get(at, value.value)
                found[at] = option.sub(rf"\g<1>{left.pop(name)}", changed, count=1)
    for at, value in enumerate(values):
        if value.place.name in left:
            found[at] = left.pop(value.place.name)
    words = f"{harmless(cause['text'])} {harmless(edit.get('note', ''))}."
    if left:
        words += f" Not a value of this page: {', '.join(left)}; ctrl+e edits the text."
    before = {stage.name: edit["checkpoint"]} if edit.get("checkpoint") else {}
    return Suggestion(found, words, not left, before)


def with_prepared_edit(run: RunRecord, stage: str) -> tuple[InlineEdit, Mapping[str, str]]:
    """Return the edit that the cause of a stage's failure suggests, and where it continues from.

    Raises:
        UsageError: no edit is prepared, or its values are not in the pipeline.
    """
    with engine.reading() as connection:
        found = [one for one in views.stages(connection, run.id) if one.name == stage]
    text = edits.text_of(run)
    for record in found:
        values = edits.values_of(run, text, record.definition, alone=False, with_command=True)
        suggested = suggestion(record, values)
        if suggested.values and suggested.is_whole:
            changes = {values[at]: value for at, value in suggested.values.items()}
            return edits.with_values(run, text, changes, None), suggested.before
        if suggested.words:
            raise UsageError(f"{stage} of {run.name}: {suggested.words}")
    raise UsageError(f"no edit is prepared for the last attempt of {stage} of {run.name}")
