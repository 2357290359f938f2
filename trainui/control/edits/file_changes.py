"""Detects how a run's pipeline file was edited since submission."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from trainui import plain_files
from trainui.control.edits import members
from trainui.control.lookup import given_params, submission_of
from trainui.control.submission import PIPELINE_FILE
from trainui.domain.definition import Pipeline
from trainui.domain.records import RunRecord
from trainui.errors import TrainuiError, UsageError
from trainui.pipeline import loader
from trainui.pipeline.substitution import secrets
from trainui.pipeline.substitution.masking import MASK, Masker, is_secret
from trainui.resume import shell_environment
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
        content = None if run.file is None else plain_files.read_bytes(Path(run.file))
    except OSError:
        return None
    return None if content is None else hashlib.sha256(content).hexdigest()


def load(file: str, run: RunRecord) -> Pipeline:
    """Load a file with a run's parameters; raise PipelineFileError if it has problems."""
    given = given_params(run.id)
    return members.applied(loader.load(file, given), given, members.recorded(run.id))


def text_on_record(run: RunRecord) -> str:
    """Return the text of a run's copy of its pipeline; raise UsageError if it cannot be read."""
    try:
        return plain_files.read_text(Path(run.directory) / PIPELINE_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the run's pipeline cannot be read: {error}") from error


def load_text(run: RunRecord, text: str, given: Mapping[str, str]) -> Pipeline:
    """Load a text as the pipeline of a run; raise PipelineFileError if it has problems."""
    if run.file is not None:
        directory = str(Path(run.file).parent)
    else:  # a run of one command
        with views.reading() as connection:
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
    return members.applied(loaded, given, members.recorded(run.id))


def is_equivalent(pipeline: Pipeline, run: RunRecord) -> bool:
    """Return True if an edit changed only comments, order or notation, not the meaning."""
    try:
        before = pipeline_on_record(run, given_params(run.id))
    except TrainuiError:
        return False
    return _content(before) == _content(pipeline)


def _content(pipeline: Pipeline) -> str:
    """Return a pipeline's content as JSON, since in Python `True == 1`."""
    stages = [stage.to_json() for stage in pipeline.stages]
    return json.dumps([stages, pipeline.params, pipeline.snapshot], sort_keys=True)


def diff(run: RunRecord, pipeline: Pipeline, name: str) -> str:
    """Return a unified diff from a run's text to that of a pipeline, with secret values masked."""
    with views.reading() as connection:
        before = views.pipeline_text(connection, run.digest)
    shell = shell_environment.read_or_empty(Path(run.directory))
    masker = Masker(shell.known_secrets() | secrets.known(pipeline, shell.environ))
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
