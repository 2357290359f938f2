"""Lists the files of a stage's directory, with a limit on their number and depth."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from trainui import mounts, paths, plain_files
from trainui.domain.definition import StageDefinition
from trainui.domain.records import AttemptRecord, StageRecord
from trainui.resume import code_version
from trainui.resume.globs import first_matches, matches, roots
from trainui.supervisor.protocol import STARTED_FILE
from trainui.tui.data.run_page import StageFile, StageFiles

MOST, DEEPEST = 2000, 5
"""The most files of a stage that are listed, and levels of subdirectories that are searched."""


def stage_files(
    stage: StageRecord, attempts: Sequence[AttemptRecord] = (), number: int | None = None
) -> StageFiles:
    """List a stage's files; with `number`, those that this attempt was the last to write."""
    if number is None:
        return _files_in(stage.definition, Path(stage.directory))
    attempt, later = attempts[number - 1], attempts[number:]
    marks = Path(attempt.directory)
    found = _files_in(attempt.definition or stage.definition, paths.stage_directory(marks))
    begin = _started(marks)
    begin = attempt.granted_at if begin is None else begin
    end = (_started(Path(later[0].directory)) if later else None) or math.inf
    own = tuple(file for file in found.files if begin <= file.changed_at < end)
    return replace(found, files=own, missing=(), attempt=number)


def _started(attempt_directory: Path) -> int | None:
    """Return an attempt's start by the clock of its file system, like the files' times."""
    found = plain_files.look(attempt_directory / STARTED_FILE)
    return None if found is None else found.st_mtime_ns // 1000


def _files_in(definition: StageDefinition, directory: Path) -> StageFiles:
    if mounts.is_silent(str(directory)):
        return StageFiles(directory=str(directory))
    declared = {
        one: first_matches(one, roots(one, definition, directory)) for one in definition.outputs
    }
    outputs = {path for found in declared.values() for path in found}
    checkpoint = definition.checkpoint
    checkpoints = set(matches(checkpoint.glob, directory)) if checkpoint is not None else set()
    files: list[StageFile] = []
    for path in _walk(directory, DEEPEST):
        if len(files) == MOST:
            break
        if (status := plain_files.look(path)) is None:
            continue  # deleted meanwhile
        above = {path, *path.parents}  # a directory may be declared
        role = "output" if above & outputs else "checkpoint" if above & checkpoints else ""
        relative, changed_at = os.path.relpath(path, directory), status.st_mtime_ns // 1000
        files.append(StageFile(relative, status.st_size, changed_at, role))
    files.sort(key=lambda file: (file.role != "output", not file.role, -file.changed_at))
    missing = tuple(one for one, found in declared.items() if not found)
    return StageFiles(tuple(files), missing, len(files) == MOST, str(directory))


def _walk(directory: Path, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(directory) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if depth and entry.name != paths.OURS:
                yield from _walk(Path(entry.path), depth - 1)
        else:
            yield Path(entry.path)


def commit(run_directory: Path) -> str:
    """Return the git commit that a run was submitted with; empty if it is not recorded."""
    content = code_version.recorded(run_directory)
    known = str(content.get("commit") or "")[:10]
    changed = " with uncommitted changes" if content.get("dirty") else ""
    return f"{known}{changed}" if known else ""
