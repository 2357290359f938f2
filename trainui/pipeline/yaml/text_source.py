"""Read the text of a pipeline file from disk or standard input."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from trainui.errors import PipelineFileError
from trainui.pipeline.yaml.nodes import TOP, Position
from trainui.pipeline.yaml.problems import Problems, mark_at
from trainui.pipeline.yaml.tree import MAX_BYTES

STDIN = "-"
"""File argument for standard input."""


@dataclass(frozen=True, slots=True)
class TextSource:
    """A pipeline file's text and its origin."""

    text: str
    directory: str
    """Base directory of relative paths; absolute."""
    file: str | None
    """Absolute path; None: standard input."""


def read(file: str, stdin: TextIO | None = None) -> TextSource:
    """Read a pipeline file.

    Raises:
        PipelineFileError: it cannot be read, is too large, or is not UTF-8.
    """
    if file == STDIN:
        text = _decode(_read_stdin(stdin or sys.stdin), file)
        return TextSource(text, str(Path.cwd()), None)
    if not file:
        raise _error("''", "unreadable", "the name of the file is empty; write one, or - for stdin")
    path = Path(file).expanduser().absolute()
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _error(file, "unreadable", f"the file cannot be read: {reason}") from error
    return TextSource(_decode(data, file), str(path.parent), str(path))


def _read_stdin(stdin: TextIO) -> bytes:
    buffer = getattr(stdin, "buffer", None)
    if buffer is not None:
        data: bytes = buffer.read(MAX_BYTES + 1)
        return data
    return stdin.read(MAX_BYTES + 1).encode("utf-8", "surrogatepass")


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES} bytes; split the pipeline"
        raise _error(file, "too-large", message)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise _error(file, "not-yaml", message, mark_at(before, len(before))) from error


def _error(file: str, code: str, message: str, mark: Position = TOP) -> PipelineFileError:
    problems = Problems(file)
    problems.add(mark, code, message)
    return PipelineFileError(problems.in_order())
