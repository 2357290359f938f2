"""The difference between two runs, or between a run and the present files, or to its origin."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from difflib import unified_diff
from functools import partial
from pathlib import Path
from typing import Any

from trainui import formatting, system
from trainui.control import external
from trainui.model.definition import StageDefinition
from trainui.model.records import RunRecord
from trainui.pipeline import loader, masking
from trainui.pipeline.filling import with_recorded_trials
from trainui.pipeline.matrix import TRIAL
from trainui.pipeline.stage_command import options_of
from trainui.record import dataclass
from trainui.resume import code_snapshot, code_version
from trainui.resume.submitted import filled_in, given_params
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.db.statements import Connection
from trainui.store.read import run_in_json, views
from trainui.store.read.run_in_json import shown_command

MOST_FILES = 100
"""Files of which the lines that differ are shown."""

LONGEST_FILE = 1 << 18
"""Bytes of a file of which the lines are compared: longer ones are data."""

MOST_LINES, MOST_LINES_OF_FILE, LONGEST_LINE = 1000, 200, 500
"""Lines of the diff of all files and of one, and characters of a line."""

MOST_COUNTED = 20
"""Files of code whose changed lines are counted."""

MOST_NAMED = 2
"""Stages, files, packages and variables that are named in a few words; the others are counted."""

Pairs = dict[str, list[Any]]
"""By name: the value on the one side and on the other; None where it is missing."""


@dataclass(frozen=True, slots=True)
class _Side:
    """A run, or the working tree as a run submitted now would be."""

    commit: str | None
    digests: Mapping[str, str] | None
    """Of the files that differ from the commit; None if the code is not on record."""
    commands: Mapping[str, Any]
    """By stage: its command or task; None if it is not on record, as for some external runs."""
    params: Mapping[str, Any]
    variables: Mapping[str, str] | None
    """Of the environment; None if it is not on record, as for most external runs."""
    packages: Mapping[str, str] | None
    """Versions; None if they are not on record."""
    texts: Callable[[Sequence[str]], Mapping[str, str]]
    """Returns those of some files whose text is known, empty for one that did not exist."""
    secrets: Set[str]
    drift: tuple[str, ...] = ()
    """The stages that started after the code was changed, with what was changed, as text."""


def between(connection: Connection, run: RunRecord, other: RunRecord | None) -> dict[str, Any]:
    """Return what differs, as in `trainui diff --json`; the run counts as the earlier side.

    Without another run, it is compared with its files, code and shell as they are now.

    Raises:
        PipelineFileError: the run's file has problems now.
    """
    before = _of_run(connection, run)
    if other is None:
        after = _now(connection, run)
        files = code_version.changed_files(code_version.recorded(Path(run.directory)))
    else:
        after = _of_run(connection, other)
        files = sorted(_known_pairs(before.digests, after.digests) or ())
    commits = [before.commit, after.commit]
    is_same = commits[0] == commits[1] or None in (before.digests, after.digests)
    commands = (*before.commands.items(), *after.commands.items())
    unknown = {name for name, command in commands if command is None}
    masker = masking.Masker(before.secrets | after.secrets)
    return {
        "code": {
            "commit": None if is_same else commits,
            "files": files,
            "diff": _file_differences(before.texts(files), after.texts(files), masker),
            "drift": list(dict.fromkeys([*before.drift, *after.drift])),
        },
        "command": {
            name: pair
            for name, pair in _pairs(before.commands, after.commands).items()
            if name not in unknown
        },
        "params": _pairs(masking.mask(before.params), masking.mask(after.params)),
        "environment": sorted(_known_pairs(before.variables, after.variables) or ()),
        "packages": _known_pairs(before.packages, after.packages),
    }


def lines_between(run_id: str, other_id: str | None) -> list[str]:
    """Return what differs between runs as text; `other_id` None: the files as they are now.

    Raises:
        PipelineFileError: the run's file has problems now.
    """
    with engine.reading() as connection:
        run = views.find_run(connection, run_id)
        other = None if other_id is None else views.find_run(connection, other_id)
        return list(lines(between(connection, run, other)))


def lines(differences: Mapping[str, Any]) -> Iterator[str]:
    """Yield the differences as text: what each is about, in 13 characters, and the two sides."""
    code = differences["code"]
    if code["commit"]:
        before, after = ((one or "none")[:12] for one in code["commit"])
        yield f"commit       {before} → {after}"
    for file in code["files"]:
        yield f"code         {file}"
    yield from (f"             {line}" for line in code["diff"].splitlines())
    yield from (f"code         {words}" for words in code["drift"])
    for name, (before, after) in differences["params"].items():
        yield f"parameter    {name}: {_shown(before)} → {_shown(after)}"
    for names, (before, after) in _of_trials_once(differences["command"]):
        yield f"command      {names}:"
        yield f"             - {_shown(before)}"
        yield f"             + {_shown(after)}"
    for name, (before, after) in (differences["packages"] or {}).items():
        yield f"package      {name}: {_shown(before)} → {_shown(after)}"
    for name in differences["environment"]:
        yield f"environment  {name}"


def brief_between(run_id: str, other_id: str) -> list[list[str]]:
    """Return what differs between runs in a few words; see `brief`."""
    with engine.reading() as connection:
        pair = (views.find_run(connection, one) for one in (run_id, other_id))
        return brief(between(connection, *pair))


def brief(differences: Mapping[str, Any]) -> list[list[str]]:
    """Return the differences in a few words each: what it is, and its value on either side.

    A value is empty where there is none, and both are where a name is all that is said. Of a
    command that both sides have these are its options, unless a parameter says the same.
    """
    pairs = differences["params"].items()
    found = [[name, *("" if one is None else _shown(one) for one in pair)] for name, pair in pairs]
    of_params = {tuple(pair) for _, *pair in found}
    options: dict[tuple[str, str, str], None] = {}
    alone: list[list[str]] = [[], []]
    for name, pair in differences["command"].items():
        if None in pair:
            alone[pair[0] is None].append(name)
            continue
        before, after = map(options_of, pair)
        for option, (old, new) in _pairs(before, after).items():
            values = old or "", new or ""
            if values not in of_params:
                options[option.lstrip("-") or "command", *values] = None
    # a parameter of one side alone, which the other has as an option
    found = [one for one in found if all(one[1:]) or not _has_both(one, options)]
    found += map(list, options)
    groups = [[*dict.fromkeys(name.partition("[")[0] for name in names)] for names in alone]
    alone = [[name for name in own if name not in other] for own, other in (groups, groups[::-1])]
    if any(alone):
        found.append(["stages", *(formatting.listed(one, MOST_NAMED) for one in alone)])
    if commit := differences["code"]["commit"]:
        found.append(["commit", *((one or "")[:7] for one in commit)])
    names = (
        ("code", differences["code"]["files"]),
        ("package", [*(differences["packages"] or {})]),
        ("variable", differences["environment"]),
    )
    found += [
        [f"{what}: {formatting.listed(some, MOST_NAMED)}", "", ""] for what, some in names if some
    ]
    return found


def _has_both(one: Sequence[str], options: Iterable[Sequence[str]]) -> bool:
    """Return True if an option has the values of both sides, of which `one` has one."""
    return any(
        option[0] == one[0] and all(option) and set(one[1:]) <= {"", *option[1:]}
        for option in options
    )


def _of_trials_once(commands: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the commands that differ; of a search's trials, which differ by their values, one."""
    searches: dict[str, list[str]] = {}
    for name in commands:
        searches.setdefault(name.partition("[trial=")[0], []).append(name)
    for names in searches.values():
        yield formatting.first(names), commands[names[0]]


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    return " ".join(map(_quoted, value)) if isinstance(value, list) else str(value)


def _quoted(word: str) -> str:
    """Return a word quoted for the shell, but `${python}` and `${run_dir}/a` as they are."""
    bare = _VARIABLE.sub("x", word)
    return word if shlex.quote(bare) == bare else shlex.quote(word)


_VARIABLE = re.compile(r"\$\{\w+\}")


def _pairs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Pairs:
    return {
        name: [before.get(name), after.get(name)]
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    }


def _known_pairs(before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> Pairs | None:
    return None if before is None or after is None else _pairs(before, after)


def _of_run(connection: Connection, run: RunRecord) -> _Side:
    state = code_version.recorded(Path(run.directory))
    definitions = _definitions(connection, run)
    return _Side(
        state.get("commit"),
        state.get("changed", {}) if state else None,
        _commands(connection, run, run.params, definitions),
        {**run.params, **_searches(definitions)},
        shell_environment.recorded_variables(Path(run.directory)),
        state.get("packages"),
        partial(_recorded_texts, Path(run.directory), state),
        shell_environment.read_or_empty(Path(run.directory)).known_secrets(),
        tuple(
            f"{run.name}, {stage.name}: {attempt.code_change}"
            for stage in views.stages(connection, run.id)
            for attempt in views.attempts_of_stage(connection, stage.id)[-1:]
            if attempt.code_change
        ),
    )


def _now(connection: Connection, run: RunRecord) -> _Side:
    """Return what a run of the same file would be if it were submitted now."""
    stages, params = _definitions(connection, run), run.params
    variables = shell_environment.inheritable(os.environ)
    known = {*masking.secrets_of(variables)}
    if run.file is not None and Path(run.file).exists():
        pipeline = loader.load(run.file, given_params(run.id))
        recorded = {stage.name: stage for stage in stages}
        submitted = filled_in(pipeline, Path(run.directory))
        as_written = filled_in(pipeline, Path(run.directory), secrets=False)
        known |= masking.known(pipeline, variables)
        stored = masking.conceal(submitted, as_written, variables)[0]
        stages = with_recorded_trials(stored, recorded).stages
        params = {
            **run_in_json.tracked_of_run(views.submission(connection, run.id)),
            **stored.params,
        }
    state = code_version.state_of(Path(run.file).parent if run.file else Path.cwd())
    found = code_version.packages_of(stages, variables)
    commands = _commands(connection, run, params, stages)
    root = Path(code_version.recorded(Path(run.directory)).get("root") or state.root or "/")
    return _Side(
        state.commit,
        {},
        commands,
        {**params, **_searches(stages)},
        variables,
        found,
        partial(_texts_below, root),
        known,
    )


def _recorded_texts(
    run_directory: Path, state: Mapping[str, Any], names: Sequence[str]
) -> dict[str, str]:
    """Return files as they were at submission: from the snapshot, else unchanged ones from git."""
    kept = code_snapshot.kept_files(run_directory, names)
    if kept is not None:
        texts = {name: "" if path is None else _text(path) for name, path in kept.items()}
    else:
        git, commit = code_version.Git(Path(state.get("root") or "/")), state.get("commit")
        texts = {name: git("show", f"{commit}:{name}") for name in names[:MOST_FILES] if commit}
        digests = state.get("changed", {})
        texts = {
            name: text
            for name, text in texts.items()
            if text is not None
            and digests.get(name)
            in (None, code_version.digest_of(text.encode("utf-8", "surrogateescape")))
        }
    return {name: text for name, text in texts.items() if text is not None}


def _texts_below(root: Path, names: Sequence[str]) -> dict[str, str]:
    texts = {name: _text(root / name) for name in names[:MOST_FILES]}
    return {name: text for name, text in texts.items() if text is not None}


def _text(path: Path) -> str | None:
    """Return the text of a file, or the target of a link; None if it is too long or no text."""
    try:
        if path.is_symlink():
            return str(path.readlink())
        if system.status(path).st_size > LONGEST_FILE:
            return None
        data = system.read_bytes(path)
    except FileNotFoundError:
        return ""
    except OSError:
        return None
    return None if b"\0" in data else data.decode("utf-8", "replace")


def _file_differences(
    before: Mapping[str, str], after: Mapping[str, str], masker: masking.Masker
) -> str:
    """Return a unified diff of the files of which both texts are known, secrets masked."""
    shown: list[str] = []
    for name in (name for name in before if name in after):
        old, new = (masker.text(side[name]).splitlines() for side in (before, after))
        lines = list(unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm=""))
        left = min(MOST_LINES_OF_FILE, MOST_LINES - len(shown))
        shown += [
            line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}..."
            for line in lines[:left]
        ]
        if len(lines) > left:
            shown.append(f"... {len(lines) - left:,} more lines of the diff of {name}")
        if len(shown) >= MOST_LINES:
            break
    return "".join(f"{line}\n" for line in shown)


def _definitions(connection: Connection, run: RunRecord) -> tuple[StageDefinition, ...]:
    stages = views.stages(connection, run.id)
    return tuple(stage.definition for stage in stages if not stage.removed)


def _searches(stages: Iterable[StageDefinition]) -> dict[str, str]:
    """Return the fields of searches as text, e.g. `train.search.lr`."""
    found: dict[str, str] = {}
    for stage in stages:
        if (search := stage.search) is not None:
            fields = {**search.space, **{name: getattr(search, name) for name in _FIELDS}}
            found |= {
                f"{stage.group}.search.{name}": str(value)
                for name, value in fields.items()
                if value not in (None, {})
            }
    return found


_FIELDS = ("metric", "goal", "trials", "sampler", "sampler_options", "seed", "prune")


def _commands(
    connection: Connection,
    run: RunRecord,
    params: Mapping[str, Any],
    stages: Iterable[StageDefinition],
) -> dict[str, Any]:
    """Return each stage's command or task, with secrets masked.

    The path of the run's directory, which differs between runs, is written as `${run_dir}`.
    """
    records = views.stages(connection, run.id) if run.external is not None else ()
    recorded = {one.name: external.command_of(run, one) for one in records}
    commands = {
        stage.name: command
        if (command := recorded.get(stage.name)) is not None
        else shown_command(params, stage) or stage.task
        for stage in stages
    }
    return {name: _without_directory(command, run) for name, command in commands.items()}


def _without_directory(command: Any, run: RunRecord) -> Any:
    if isinstance(command, list):
        return [_without_directory(item, run) for item in command]
    return command and command.replace(run.directory, "${run_dir}")


def from_origin(connection: Connection, run: RunRecord, origin: RunRecord) -> str:
    """Return in a few words how a run differs from its origin.

    These are values and the lines of code of snapshots, else words of a bare command, else the
    pipeline file.
    """
    before, after = (_values(connection, one) for one in (origin, run))
    changed = [
        f"{key} {before.get(key, '(none)')} → {after.get(key, '(none)')}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
    changed += _in_code(run, origin)
    changed = changed or _in_command(*(_words(connection, one) for one in (origin, run)))
    return formatting.listed(changed) if changed else _in_file(connection, run, origin)


def _in_code(run: RunRecord, origin: RunRecord) -> list[str]:
    """Return the files of code that differ between two snapshots: `train.py +3 -1`."""
    places = (Path(origin.directory), Path(run.directory))
    own = {Path(one.file).name for one in (origin, run) if one.file}
    names = [one for one in code_snapshot.changed_between(*places) if Path(one).name not in own]
    texts = [_recorded_texts(place, {}, names[:MOST_COUNTED]) for place in places] if names else []
    changed = []
    for name in names[:MOST_COUNTED]:
        if all(name in known for known in texts) and texts[0][name] != texts[1][name]:
            added, removed = _counted_lines(texts[0][name], texts[1][name])
            changed.append(f"{name} +{added} -{removed}")
    return changed


def _counted_lines(before: str, after: str) -> tuple[int, int]:
    """Return how many lines were added and removed."""
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    signs = [line[0] for line in lines if line[:3] not in ("---", "+++", "@@ ")]
    return signs.count("+"), signs.count("-")


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
    added, removed = _counted_lines(*texts)
    return f"pipeline file: +{added} -{removed} lines"
