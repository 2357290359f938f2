"""The fingerprint of a stage's work, compared field by field, with a text for each difference.

The fields are not combined into one hash: a hash could not show what changed, and hashes of
different versions of trainui could not be compared. A field that is missing in an older record has
its default, so that an upgrade does not cause reruns.

The state of an input is its size, its modification time, and its hash if it is small: large files
are never read; for them a different size or modification time counts as a change.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path, PurePath
from typing import Any

from trainui import formatting, system
from trainui.model.definition import Json, StageDefinition
from trainui.model.records import AttemptRecord
from trainui.model.states import Status
from trainui.pipeline import masking
from trainui.record import dataclass

State = Mapping[str, Any]
"""`size` in bytes, `mtime_ns`, `sha256`; for a directory the total size, the number of `files` and
the hash of their listing. Unknown values are absent; `missing` is the only key if it is present."""

InputStates = Mapping[str, State]
"""Absolute path -> state."""

HASHED_UP_TO = 16 * 2**20
"""Size limit in bytes of files that are hashed; takes about 10 ms."""

MOST_FILES = 10_000
"""Maximum number of files of a directory that are examined, in path order."""

LONGEST = 48
"""Maximum length of a value in a message, in characters."""


def observe(path: str | Path, known: State | None = None) -> State:
    """Return the state of a file or directory.

    A file with the size and mtime of its previous state (`known`) is not read again.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _directory(path)
        return _file(path, known or {})
    except OSError:
        return {"missing": True}


def is_same(before: State, now: State) -> bool:
    """Return True if two states have equal content, as far as both record it."""
    if before.get("missing") or now.get("missing"):
        return bool(before.get("missing")) == bool(now.get("missing"))
    if ("files" in before) != ("files" in now):  # one is a directory
        return False
    if "sha256" in before and "sha256" in now:
        return bool(before["sha256"] == now["sha256"])
    recorded = before.keys() & now.keys()
    return all(before[name] == now[name] for name in ("size", "mtime_ns") if name in recorded)


def _file(path: Path, known: State) -> State:
    status = path.stat()
    state = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    if all(known.get(name) == value for name, value in state.items()):
        return known
    if status.st_size > HASHED_UP_TO:
        return state
    with system.open_plain(path) as file:
        return {**state, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _directory(path: Path) -> State:
    digest = hashlib.sha256()
    files = size = 0
    for name, status in itertools.islice(_files(path), MOST_FILES):
        files += 1
        size += status.st_size
        digest.update(
            f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "replace")
        )
    return {"size": size, "files": files, "sha256": digest.hexdigest()}


def _files(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files below a directory in path order; symbolic links are not followed."""
    left = [("", str(directory))]
    while left:
        name, path = left.pop()
        status = Path(path).stat(follow_symlinks=not name)
        if stat.S_ISDIR(status.st_mode):
            names = sorted(os.listdir(path), reverse=True)  # noqa: PTH208 (a path each costs more)
            left += [(f"{name}/{one}" if name else one, f"{path}/{one}") for one in names]
        else:
            yield name, status


FIELDS = ("command", "task", "params", "env", "workdir", "python", "inputs", "depends_on")
"""The fields of the fingerprint; the state of the inputs and reruns of upstreams count as well.

The other fields are policy: limits, retries, resources and monitoring.
"""

VERSION = 1
"""Version of the record that `as_kept` returns."""


def changes(
    before: StageDefinition,
    after: StageDefinition,
    secrets: Mapping[str, Json] | None = None,
    fields: Collection[str] = FIELDS,
) -> list[str]:
    """Return a text for each difference in a stage's work; empty if there is none.

    The secret values of `secrets`, the run's parameters, are masked.
    """
    after = replace(after, **{name: getattr(before, name) for name in FIELDS if name not in fields})
    hidden: dict[str, Json] = {"run": dict(secrets or {})}
    for name, one in (("before", before), ("after", after)):
        hidden[name] = {**masking.assigned(one.command), **one.params, **one.env}
    found = [*_command_changes(before, after, hidden)]
    found += _mapping_changes("param", before.params, after.params, hidden)
    found += _mapping_changes("env", before.env, after.env, hidden)
    for name in ("workdir", "python"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            was, now = _cut_apart(_text(old, {}), _text(new, {}))
            found.append(f"{name} changed: {was} -> {now}")
    for name in ("inputs", "depends_on"):
        found += _set_changes(name, getattr(before, name), getattr(after, name))
    return found


def same_fields(before: StageDefinition, after: StageDefinition) -> list[str]:
    """Return the fingerprint fields that are equal in two definitions."""
    return [
        name for name in FIELDS if _is_same(*(one.to_json().get(name) for one in (before, after)))
    ]


def _command_changes(
    before: StageDefinition, after: StageDefinition, secrets: Mapping[str, Json]
) -> Iterable[str]:
    if before.task != after.task:
        old = before.task or "a command"
        yield f"task changed: {old} -> {after.task or 'a command'}"
    elif _bare(before.command) != _bare(after.command):
        old_words, new_words = (_words(one.command, secrets) for one in (before, after))
        shown = _word_changes(old_words, new_words)
        same = _words(before.command, {}) == _words(after.command, {})
        yield f"command changed: {shown or ('how it is quoted' if same else 'a secret value')}"


def _bare(command: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
    """Return a command without the trailing newlines of a YAML block, which a shell ignores."""
    return command.rstrip("\n") if isinstance(command, str) else command


def _words(command: str | tuple[str, ...] | None, secrets: Mapping[str, Json]) -> list[str]:
    texts = command.split() if isinstance(command, str) else (command or ())
    return [masking.mask_text(text, secrets) for text in texts]


def _word_changes(before: Sequence[str], after: Sequence[str]) -> str:
    """Return the words that differ, each with its preceding option: `--lr 0.1 -> 0.2`."""
    shown = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        option = f"{before[i - 1]} " if i and before[i - 1].startswith("-") else ""
        old, new = _cut_apart(" ".join(before[i:i_end]), " ".join(after[j:j_end]))
        if not old:
            shown.append(f"+ {option if not new.startswith('-') else ''}{new}")
        elif not new:
            shown.append(f"- {old}")
        else:
            shown.append(f"{option if not old.startswith('-') else ''}{old} -> {new}")
    return formatting.listed(shown)


def _mapping_changes(
    word: str, before: Mapping[str, Json], after: Mapping[str, Json], secrets: Mapping[str, Json]
) -> Iterable[str]:
    if _is_same(before, after):
        return
    old, new = masking.mask(before), masking.mask(after)
    shown = []
    for name in dict.fromkeys((*before, *after)):
        if name not in before:
            shown.append(f"+ {name} {_cut(_text(new[name], secrets))}")
        elif name not in after:
            shown.append(f"- {name}")
        elif not _is_same(before[name], after[name]):
            was, now = _cut_apart(_text(old[name], secrets), _text(new[name], secrets))
            shown.append(f"{name} {was} -> {now}")
    yield f"{word} changed: {formatting.listed(shown)}"


def _is_same(before: Json | Mapping[str, Json], after: Json | Mapping[str, Json]) -> bool:
    """Compare the JSON text, because in Python `True == 1` and `1 == 1.0`."""
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)


def _set_changes(word: str, before: Sequence[str], after: Sequence[str]) -> Iterable[str]:
    if set(before) == set(after):
        return
    added = [f"+ {_cut(name)}" for name in after if name not in before]
    removed = [f"- {_cut(name)}" for name in before if name not in after]
    yield f"{word} changed: {formatting.listed([*added, *removed])}"


def _text(value: Json, secrets: Mapping[str, Json]) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return masking.mask_text(text, secrets)


def _cut_apart(one: str, other: str) -> tuple[str, str]:
    """Cut two texts at their ends; if they would look alike, where they begin to differ."""
    if one == other or _cut(one) != _cut(other):
        return _cut(one), _cut(other)
    pairs = enumerate(zip(one, other, strict=False))
    alike = next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
    begin = max(*(one.rfind(mark, 0, alike) for mark in "/ "), alike - LONGEST // 2)
    return _cut(f"...{one[begin:]}"), _cut(f"...{other[begin:]}")


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


@dataclass(frozen=True, slots=True)
class ResultOrigin:
    """What a stage's result was made from: its definition, inputs and upstreams."""

    definition: StageDefinition
    secret_changes: Sequence[str]
    """Later edits of secret values, as masked texts."""
    inputs: InputStates | None
    """None: not recorded."""
    excused: Mapping[str, int]
    """Upstream -> number of completions since then that do not count as a change."""


def origin_of(attempt: AttemptRecord, current: StageDefinition) -> ResultOrigin:
    """Return what an attempt ran with, or what the user has since declared its result valid for."""
    kept = attempt.kept or {}
    definition = attempt.definition or current
    if "definition" in kept:
        definition = StageDefinition.from_json(kept["definition"])
    inputs, excused = kept.get("inputs", attempt.inputs), kept.get("completions", {})
    return ResultOrigin(definition, attempt.secret_changes, inputs, excused)


def kept_record(
    definition: StageDefinition, inputs: InputStates, completions: Mapping[str, int]
) -> dict[str, Any]:
    """Return the record to store when the user keeps a result for a changed definition.

    The completions of each upstream since the attempt include those still to come.
    """
    return {
        "version": VERSION,
        "definition": definition.to_json(),
        "inputs": dict(inputs),
        "completions": dict(completions),
    }


def input_changes(before: InputStates | None, now: InputStates) -> list[str]:
    """Return a text for each input whose content changed; inputs without a record are skipped."""
    known = before or {}
    return [
        f"input {PurePath(path).name} changed{_sizes(known[path], state)}"
        for path, state in now.items()
        if path in known and not is_same(known[path], state)
    ]


def _sizes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if now.get("missing"):
        return ": deleted"
    old, new = before.get("size"), now.get("size")
    return f": {old} -> {new} bytes" if old != new else ""


def completions_since(attempt: AttemptRecord, upstream: Iterable[AttemptRecord]) -> int:
    """Return how often an upstream has completed since an attempt was created.

    Compares attempt ids, which only increase within a run, so the system clock does not matter.
    """
    return sum(one.status == Status.COMPLETED and one.id > attempt.id for one in upstream)
