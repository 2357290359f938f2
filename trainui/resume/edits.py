"""Edits of a run's pipeline: in its file, or inline, and values of single members of a sweep.

An inline edit changes values or the text without touching the original file; its result is resumed
like a pipeline from an edited file, with the run's `-p` parameters. Only scalars on one line can be
edited: run parameters, stage parameters, matrix values, and those of a search, whose choices are
edited as a list; of a run of one command, also the command. The rest of the text, including
comments, is unchanged.

A matrix in a file is a product of lists, and parameters apply to all members, so one member cannot
differ in them. Its values are kept beside the run's pipeline, by the name that the file gives the
member, and are applied whenever the file is loaded for this run.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import islice
from pathlib import Path

from trainui import system
from trainui.errors import TrainuiError, UsageError
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import RunRecord
from trainui.pipeline import loader, masking, matrix, substitution, template, yaml_nodes
from trainui.pipeline.masking import MASK, Masker, is_secret
from trainui.pipeline.matrix import member_name
from trainui.pipeline.substitution import Filler
from trainui.pipeline.template import Template, Variable
from trainui.pipeline.yaml_nodes import (
    BYTE_ORDER_MARK,
    Node,
    Problems,
    Scalar,
    items_of,
)
from trainui.pipeline.yaml_tree import read_tree
from trainui.record import dataclass
from trainui.resume.submitted import PIPELINE_FILE, given_params, submission_of
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.read import views

_NAME = re.compile(r"""(?<![\w.-])([\w.-]++)["']?\s*+[:=]\s*+(?=[^\s,}\]])""")
"""A name before its value; possessive, so that a long word is read once."""

_VALUE = re.compile(r"[^,}\]]+")


def changed_file(run: RunRecord) -> str | None:
    """Return a run's file if it was edited since submission; None if not, or if it is missing.

    The file is not parsed, so that a file with errors counts as edited. After an inline edit, a
    file that has not changed since that edit counts as not edited.
    """
    digest = file_digest(run)
    if digest in (None, run.digest):
        return None
    return None if digest == submission_of(run.id).get("seen_digest") else run.file


def file_digest(run: RunRecord) -> str | None:
    """Return the digest of a run's file now; None if it has none, or if it is missing."""
    try:
        content = None if run.file is None else system.read_bytes(Path(run.file))
    except OSError:
        return None
    return None if content is None else hashlib.sha256(content).hexdigest()


def load(file: str, run: RunRecord) -> Pipeline:
    """Load a file with a run's parameters; raise PipelineFileError if it has problems."""
    given = given_params(run.id)
    return with_members(loader.load(file, given), given, recorded_members(run.id))


def text_on_record(run: RunRecord) -> str:
    """Return the text of a run's copy of its pipeline; raise UsageError if it cannot be read."""
    try:
        return system.read_text(Path(run.directory) / PIPELINE_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the run's pipeline cannot be read: {error}") from error


def load_text(run: RunRecord, text: str, given: Mapping[str, str]) -> Pipeline:
    """Load a text as the pipeline of a run; raise PipelineFileError if it has problems."""
    if run.file is not None:
        directory = str(Path(run.file).parent)
    else:  # a run of one command
        with engine.reading() as connection:
            (stage,) = views.stages(connection, run.id)
        directory = stage.definition.workdir
    loaded = loader.load_text(text, file=run.file, directory=directory, params=given)
    return replace(loaded, file=run.file)


def pipeline_on_record(run: RunRecord, given: Mapping[str, str]) -> Pipeline:
    """Return a run's pipeline, parsed by this version of trainui from the run's copy of the file.

    It raises UsageError if the run has no pipeline file, or the copy cannot be read.
    """
    if run.file is None:
        raise UsageError(f"the run {run.id} has no pipeline file")
    loaded = load_text(run, text_on_record(run), given)
    return with_members(loaded, given, recorded_members(run.id))


def is_equivalent(pipeline: Pipeline, run: RunRecord) -> bool:
    """Return True if an edit changed only comments, order or notation, not the meaning."""
    try:
        before = pipeline_on_record(run, given_params(run.id))
    except TrainuiError:
        return False
    return content(before) == content(pipeline)


def content(pipeline: Pipeline) -> str:
    """Return a pipeline's content as JSON, since in Python `True == 1`."""
    stages = [stage.to_json() for stage in pipeline.stages]
    return json.dumps([stages, pipeline.params, pipeline.snapshot], sort_keys=True)


def file_diff(run: RunRecord, pipeline: Pipeline, name: str) -> str:
    """Return a unified diff from a run's text to that of a pipeline, with secret values masked."""
    with engine.reading() as connection:
        before = views.pipeline_text(connection, run.digest)
    shell = shell_environment.read_or_empty(Path(run.directory))
    masker = Masker(shell.known_secrets() | masking.known(pipeline, shell.environ))
    after = masker.text(pipeline.text)
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), fromfile="as submitted", tofile=name, lineterm=""
    )
    return masker.text("".join(f"{_masked(line)}\n" for line in lines))


def _masked(line: str) -> str:
    """Return a line with the values of secret names masked, also inside other values."""
    shown, at = "", 0
    while (name := _NAME.search(line, at)) is not None:
        shown, at = shown + line[at : name.end()], name.end()
        if is_secret(name[1]) and (value := _VALUE.match(line, at)) is not None:
            shown, at = shown + MASK, value.end()
    return shown + line[at:]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The values that would avoid the cause of a failure."""

    values: Mapping[int, str] = field(default_factory=dict)
    """By the index of a value of the pipeline."""
    words: str = ""
    """The cause and the edit."""
    is_whole: bool = True
    """False: the pipeline does not have some of the values."""
    before: Mapping[str, str] = field(default_factory=dict)
    """The checkpoint to continue from, by the stage's name, though there are later ones."""


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
    text = text_on_record(run)
    if run.file is None and command_value(text) is None:
        raise UsageError("this run has no pipeline file to edit; start a new run")
    return text


def values_of(
    run: RunRecord,
    text: str,
    stage: StageDefinition | None,
    *,
    alone: bool = False,
    with_command: bool = False,
) -> list[Value]:
    """Return the editable values of a run and of one of its stages, without those with secrets.

    Without a stage, only the run's values. With `alone`, parameters have the values that the stage,
    a member of a sweep, has alone. `with_command`: also a stage's command of one line.
    """
    given, own = given_params(run.id), {}
    command = command_value(text) if run.file is None else None
    if command is None and with_command and stage is not None and stage.matrix is None:
        command = command_value(text, stage)
    if stage is not None and stage.matrix is not None:
        loaded = load_text(run, text, given)
        name = _name_in_file(run, loaded, given, stage.name)
        own = dict(recorded_members(run.id).get(name, {}))
        stage = next((one for one in loaded.stages if one.name == name), stage)
    values = []
    for place in (*filter(None, [command]), *editable_values(text, stage)):
        is_given = place.scope == "run" and place.name in given
        common = given[place.name] if is_given else place.value
        shown = own if alone or place.scope == "matrix" else {}
        values.append(Value(place, shown.get(key_of(place), common), is_given))
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

    Raises:
        UsageError: the member has one of the values from another one, for which it runs.
    """
    given, own = given_params(run.id), recorded_members(run.id)
    name = None
    if member is not None:
        loaded = load_text(run, text, given)
        name = _name_in_file(run, loaded, given, member)
        _check_is_first(with_members(loaded, given, own), member, changes)
    changed = {}
    for value, new in changes.items():
        if name is not None:
            own[name] = {**own.get(name, {}), key_of(value.place): new}
        elif value.given:
            given[value.place.name] = new
        else:
            changed[value.place] = new
    words = tuple(f"{value.place.name}: {value.value} -> {new}" for value, new in changes.items())
    if member is not None:
        words = tuple(f"{member}: {word}" for word in words)
    return InlineEdit(with_replaced(text, changed), given, words, own, name)


def _check_is_first(pipeline: Pipeline, member: str, changes: Collection[Value]) -> None:
    """Raise UsageError if a member is paired by a value with one that it depends on."""
    stage = pipeline.stage(member)
    edited = {value.place.name for value in changes if value.place.scope == "matrix"}
    for name in stage.depends_on:
        if shared := edited.intersection(_shared_keys(stage, pipeline.stage(name))):
            key = min(shared)
            raise UsageError(
                f"{member} has {key}={(stage.matrix or {})[key]} from {name}, for which it runs; "
                f"edit {name}, and {member} follows"
            )


def _name_in_file(run: RunRecord, loaded: Pipeline, given: Mapping[str, str], member: str) -> str:
    own = with_members(loaded, given, recorded_members(run.id))
    return name_in_file(loaded, own, member)


def with_text(run: RunRecord, before: str, text: str) -> InlineEdit:
    """Return a run's pipeline with changed text."""
    pairs = difflib.ndiff(before.splitlines(), text.splitlines())
    count = sum(line.startswith(("+ ", "- ")) for line in pairs)
    return edited(run, text, f"{count} lines of the pipeline's text")


def edited(run: RunRecord, text: str, words: str) -> InlineEdit:
    """Return an edit that leaves the run's `-p` parameters and its members as they are."""
    return InlineEdit(text, given_params(run.id), (words,), recorded_members(run.id))


def pipeline_of(run: RunRecord, edit: InlineEdit) -> tuple[Pipeline, str | None]:
    """Load an edited pipeline; raise PipelineFileError if it has problems.

    Returns it with the full name of the only member to run in it; None: all run.
    """
    loaded = load_text(run, edit.text, edit.given)
    pipeline = with_members(loaded, edit.given, edit.members)
    pairs = zip(loaded.stages, pipeline.stages, strict=True)
    return pipeline, next((own.name for stage, own in pairs if stage.name == edit.member), None)


def edit_diff(run: RunRecord, pipeline: Pipeline, edit: InlineEdit) -> str:
    """Return the edit as a unified diff, including `-p` parameters, with secrets masked."""
    before, masker = given_params(run.id), shell_environment.masker(Path(run.directory))
    lines = [
        f"{sign}{name}: {MASK if is_secret(name) else masker.text(values[name])}  (given with -p)\n"
        for name in edit.given
        if edit.given[name] != before.get(name)
        for sign, values in (("-", before), ("+", edit.given))
        if name in values
    ]
    before_members = recorded_members(run.id)
    for name, values in edit.members.items():
        if values != (old := before_members.get(name, {})):
            for sign, own in (("-", old), ("+", values)):
                named = ((key.removeprefix(_RUN), value) for key, value in own.items())
                lines += [f"{sign}{name}: {key}={value}\n" for key, value in named]
    return "".join(lines) + file_diff(run, pipeline, "edited here")


MemberValues = Mapping[str, Mapping[str, str]]
"""By the name in the file, a member's own values by `key_of`."""


_RUN = "run "


def key_of(place: EditedValue) -> str:
    """Return the key of a member's own value: `lr` in the matrix, else `run lr` or `stage lr`."""
    return place.name if place.scope == "matrix" else f"{place.scope} {place.name}"


def recorded_members(run_id: str) -> dict[str, dict[str, str]]:
    """Return the members of a run with individual values."""
    return dict(submission_of(run_id).get("members", {}))


def with_members(pipeline: Pipeline, given: Mapping[str, str], values: MemberValues) -> Pipeline:
    """Return a loaded pipeline in which some members have individual values.

    Members in `values` that the file no longer has are ignored. Members of other sweeps that run
    for one of them alone get its matrix values, too.

    Raises:
        UsageError: a member would be equal to another one.
        PipelineFileError: the pipeline has problems with these values.
    """
    names = [stage.name for stage in pipeline.stages]
    stages = list(pipeline.stages)
    renamed, followers = {}, dict[str, Mapping[str, str]]()
    for name in filter(names.__contains__, values):
        at, following = names.index(name), _followers(pipeline, name, values[name])
        stages[at] = _edited(pipeline, given, at, values[name], following)
        renamed[name] = stages[at].name
        followers |= following
    for name, changes in followers.items():
        at = names.index(name)
        own = {**(stages[at].matrix or {}), **changes}
        renamed[name] = member_name(stages[at].group, own)
        stages[at] = replace(stages[at], name=renamed[name], matrix=own)
    trainings = {name: stages[names.index(name)] for name in renamed}
    for at, stage in enumerate(stages):
        each = stage.each_checkpoint
        if each is not None and (training := trainings.get(each.stage)) is not None:
            renamed[stage.name] = member_name(stage.group, training.matrix)
            each = replace(each, stage=training.name)
            stages[at] = replace(
                stage, name=renamed[stage.name], matrix=training.matrix, each_checkpoint=each
            )
    for name in renamed.values():
        if [stage.name for stage in stages].count(name) > 1:
            raise UsageError(f"{name} is already a member of the sweep; choose another value")
    return pipeline.with_stages(tuple(_with_names(stage, renamed) for stage in stages))


def _followers(
    pipeline: Pipeline, name: str, values: Mapping[str, str]
) -> dict[str, Mapping[str, str]]:
    """Return the members of other sweeps that run for an edited one alone, also for each other.

    Each has those of the edited values that it shares, since members are paired by them.
    """
    by_name = {stage.name: stage for stage in pipeline.stages}
    found, leads = dict[str, Mapping[str, str]](), [(by_name[name], values)]
    for lead, changes in leads:  # which grows
        for stage in pipeline.stages:
            if stage.matrix is None or stage.each_checkpoint or lead.name not in stage.depends_on:
                continue
            shared = {key: changes[key] for key in _shared_keys(stage, lead) if key in changes}
            is_alone = sum(by_name[one].group == lead.group for one in stage.depends_on) == 1
            if shared and is_alone and stage.name not in found:
                found[stage.name] = shared
                leads.append((stage, shared))
    return found


def _shared_keys(stage: StageDefinition, other: StageDefinition) -> list[str]:
    """Return the matrix keys in which two members have the same value."""
    own, others = stage.matrix or {}, other.matrix or {}
    return [key for key, value in own.items() if others.get(key) == value]


def own_parameters(values: MemberValues, stage: StageDefinition) -> dict[str, str]:
    """Return the parameters of the run that a member of a sweep has with other values."""
    matrix = stage.matrix or {}
    for name, own in values.items():
        common = {f"{key}={value}" for key, value in matrix.items() if key not in own}
        group, _, inside = name.partition("[")
        same = all(own.get(key, value) == value for key, value in matrix.items())
        if group == stage.group and same and common <= set(inside.rstrip("]").split(",")):
            return {key.removeprefix(_RUN): new for key, new in own.items() if key.startswith(_RUN)}
    return {}


def name_in_file(pipeline: Pipeline, with_values: Pipeline, name: str) -> str:
    """Return the name that the file gives a member.

    `name` is the member's full name in the run; `with_values` is the pipeline as of `with_members`.
    """
    pairs = zip(pipeline.stages, with_values.stages, strict=True)
    return next((stage.name for stage, own in pairs if own.name == name), name)


def _edited(
    pipeline: Pipeline,
    given: Mapping[str, str],
    at: int,
    values: Mapping[str, str],
    followers: MemberValues,
) -> StageDefinition:
    """Return the definition of a member with individual values, as one that `followers` fit."""
    places = editable_values(pipeline.text, pipeline.stages[at])
    changes = {place: values[key] for place in places if (key := key_of(place)) in values}
    own = {place.name: new for place, new in changes.items() if place.scope == "run"}
    for name, shared in followers.items():
        places = editable_values(pipeline.text, pipeline.stage(name))
        changes |= {one: shared[one.name] for one in places if key_of(one) in shared}
    text = with_replaced(pipeline.text, changes)
    given = {name: own.get(name, value) for name, value in given.items()}
    edited = loader.load_text(text, file=pipeline.file, directory=pipeline.directory, params=given)
    return _with_parameters(edited.stages[at], edited.params, own)


def _with_parameters(
    stage: StageDefinition, params: Mapping[str, object], names: Collection[str]
) -> StageDefinition:
    """Return a definition in which the parameters of these names are substituted."""

    def resolve(variable: Variable) -> Sequence[Template] | None:
        own = variable.kind == "params" and variable.key in names
        return [template.parse(str(params[variable.key]))] if own else None

    return substitution.fill(stage, Filler(resolve))


def _with_names(stage: StageDefinition, renamed: Mapping[str, str]) -> StageDefinition:
    return replace(stage, depends_on=tuple(renamed.get(name, name) for name in stage.depends_on))


# The values in a pipeline file's text that can be edited.


@dataclass(frozen=True, slots=True)
class EditedValue:
    """An editable value and its position in the text."""

    scope: str
    """`run`: a run parameter; `stage`: a stage parameter; `matrix`: a matrix value; `command`;
    `evaluation`: a field of an evaluation of checkpoints, whose `run` is a `command`, too;
    `search`: a field of the stage's search, e.g. `trials`, `lr.high` or `prune.warmup_steps`;
    `choices`: the choices of a parameter of its space, e.g. `relu, gelu`."""
    name: str
    value: str
    """As text."""
    start: int
    end: int


def editable_values(text: str, stage: StageDefinition | None = None) -> list[EditedValue]:
    """Return the editable values: the run's parameters, then those of a stage."""
    root = read_tree(text, Problems(""))
    found = list(_scalars(text, "run", _entry(root, "params")))
    if stage is not None:
        node = _stage(root, stage.group or stage.name)
        found += _scalars(text, "stage", _entry(node, "params"))
        found += _matrix(text, _entry(node, "matrix"), stage.matrix or {})
        found += _search(text, _entry(node, "search"))
        if stage.each_checkpoint is not None:
            own = _command(text, _entry(node, "run"), "run")
            fields = (one for one in _scalars(text, "evaluation", node) if one.name in _EVALUATION)
            found += [*filter(None, [own]), *fields]
    return found


_EVALUATION = ("every", "metric", "goal")
"""Fields of an evaluation of checkpoints."""


def command_value(text: str, stage: StageDefinition | None = None) -> EditedValue | None:
    """Return the command of a stage, or of the only one, as a shell line; None if it has none.

    None also if it has several lines.
    """
    root = read_tree(text, Problems(""))
    if stage is not None:
        return _command(text, _entry(_stage(root, stage.group or stage.name), "run"), "run")
    listed = _entry(root, "stages")
    if not isinstance(listed, yaml_nodes.Sequence) or len(listed.items) != 1:
        return None
    return _command(text, _entry(listed.items[0], "run"), "command")


def _command(text: str, node: Node | None, name: str) -> EditedValue | None:
    if isinstance(node, Scalar):
        return next(_place(text, "command", name, node), None)
    if not isinstance(node, yaml_nodes.Sequence):
        return None
    words = [item.text for item in node.items if isinstance(item, Scalar)]
    places = [*_place(text, "command", name, node.items[-1])] if words else []
    if len(words) != len(node.items) or text[node.mark.start] != "[" or not places:
        return None
    rest, bracket, _ = text[places[0].end :].partition("]")
    if not bracket or rest.strip(" \n,"):
        return None
    end = places[0].end + len(rest) + 1
    return EditedValue("command", name, shlex.join(words), node.mark.start, end)


def with_replaced(text: str, changes: Mapping[EditedValue, str]) -> str:
    """Return the text with values replaced; a value is quoted if it is not a plain YAML scalar.

    Raises:
        UsageError: a command has an open quote.
    """
    for place in sorted(changes, key=lambda place: place.start, reverse=True):
        is_list = place.scope == "command" and text[place.start] == "["
        written = _words(changes[place]) if is_list else _written(changes[place], place.scope)
        text = text[: place.start] + written + text[place.end :]
    return text


def with_more_seeds(text: str, stage: StageDefinition, more: int) -> tuple[str, str] | None:
    """Return the text with more seeds for a sweep, and the edit in words.

    It has `seeds: N`, or whole numbers in a list of its `matrix`; None: neither is written there.
    """
    node = _stage(read_tree(text, Problems("")), stage.group or stage.name)
    for place in _scalars(text, "seeds", node):
        if place.name == "seeds" and place.value.isdecimal():
            total = str(int(place.value) + more)
            return with_replaced(text, {place: total}), f"seeds: {place.value} -> {total}"
    for name, values in _own(_entry(node, "matrix")).items():
        items = items_of(values) if matrix.is_seed(name) else ()
        found = [place for item in items for place in _place(text, "matrix", name, item)]
        known = [place.value for place in found]
        if not found or len(found) != len(items) or not all(map(str.isdecimal, known)):
            continue
        first = max(map(int, known)) + 1
        added = [str(number) for number in range(first, first + more)]
        end = found[-1].end
        before = text[text.rfind("\n", 0, found[-1].start) + 1 : found[-1].start]
        if before.strip() == "-":
            end = text.find("\n", end) if "\n" in text[end:] else len(text)
            new = "".join(f"\n{before}{number}" for number in added)
        else:
            new = "".join(f", {number}" for number in added)
        words = f"{name}: {', '.join(known)} -> {', '.join([*known, *added])}"
        return text[:end] + new + text[end:], words
    return None


def used_params(text: str, stage: StageDefinition) -> set[str]:
    """Return the names of the run's parameters that a stage uses, also by `defaults`."""
    root = read_tree(text, Problems(""))
    nodes = [_stage(root, stage.group or stage.name), _entry(root, "defaults")]
    return {found[1] for node in nodes for found in _PARAM.finditer(" ".join(_texts(node)))}


_PARAM = re.compile(r"\$\{params\.([^}]+)\}")


def _texts(node: Node | None) -> Iterator[str]:
    if isinstance(node, Scalar):
        yield node.text
    elif isinstance(node, yaml_nodes.Sequence):
        for item in node.items:
            yield from _texts(item)
    elif isinstance(node, yaml_nodes.Mapping):
        for entry in node.entries.values():
            yield from _texts(entry.value)


def _words(command: str) -> str:
    try:
        return yaml_nodes.in_quotes(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"command: {error}; check its quotes") from error


def _written(value: str, scope: str) -> str:
    node = read_tree(f"[{value}]", Problems(""))
    items = items_of(node)
    plain = all(isinstance(one, Scalar) for one in items)
    plain = plain and (len(items) == 1 or (scope == "choices" and len(items) > 0))
    if plain and "#" not in value and ": " not in value:
        return value
    return yaml_nodes.in_quotes(value)


def _own(node: Node | None) -> dict[str, Node]:
    """Return a mapping's values without those merged into it by `<<`, which others may share."""
    if not isinstance(node, yaml_nodes.Mapping):
        return {}
    own = node.mark.start
    return {name: e.value for name, e in node.entries.items() if e.key.mark.start >= own}


def _entry(node: Node | None, name: str) -> Node | None:
    return _own(node).get(name)


def _stage(root: Node | None, group: str) -> Node | None:
    for node in items_of(_entry(root, "stages")):
        name = _entry(node, "name")
        if isinstance(name, Scalar) and name.text == group:
            return node
    return None


def _scalars(text: str, scope: str, node: Node | None) -> Iterator[EditedValue]:
    for name, value in _own(node).items():
        yield from _place(text, scope, name, value)


def _matrix(text: str, node: Node | None, member: Mapping[str, str]) -> Iterator[EditedValue]:
    """Yield the matrix values of one member, e.g. 0.3 of `lr: [0.1, 0.3]`."""
    for row in items_of(node):  # a mapping a member
        own = _own(row)
        values = {name: one.text for name, one in own.items() if isinstance(one, Scalar)}
        if values and values.items() <= member.items():
            yield from _scalars(text, "matrix", row)
            return
    for name, wanted in member.items():
        items = items_of(_entry(node, name))
        same = (one for one in items if isinstance(one, Scalar) and one.text == wanted)
        for value in islice(same, 1):
            yield from _place(text, "matrix", name, value)


def _search(text: str, node: Node | None) -> Iterator[EditedValue]:
    """Yield the values of a search: of its space, then its own and those of its rules."""
    for name, values in _own(_entry(node, "space")).items():
        yield from _within(text, name, values)
        yield from _choices(text, name, _own(values).get("choices", values))
    yield from _scalars(text, "search", node)
    for name in ("sampler", "prune"):
        yield from _within(text, name, _entry(node, name))


def _within(text: str, name: str, node: Node | None) -> Iterator[EditedValue]:
    for inner in _scalars(text, "search", node):
        yield replace(inner, name=f"{name}.{inner.name}")


def _choices(text: str, name: str, node: Node) -> Iterator[EditedValue]:
    """Yield the choices of a parameter, if they are a list of scalars on one line."""
    items = items_of(node)
    found = [place for item in items for place in _place(text, "choices", name, item)]
    if not found or len(found) != len(items):
        return
    start, end = found[0].start, found[-1].end
    line = text[text.rfind("\n", 0, start) + 1 : start].rstrip()
    if line.endswith("[") and "\n" not in text[start:end]:
        yield EditedValue("choices", name, text[start:end], start, end)


def _place(text: str, scope: str, name: str, node: Node) -> Iterator[EditedValue]:
    if not isinstance(node, Scalar):
        return
    skipped = len(text) - len(text.removeprefix(BYTE_ORDER_MARK))
    start, end = node.mark.start + skipped, node.mark.end + skipped
    written = text[start:end]
    if "\n" not in written and written[:1] not in ("&", "!", "*", "|", ">"):
        yield EditedValue(scope, name, node.text, start, end)
