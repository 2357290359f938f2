"""A pipeline file to begin from: a commented one, or what another tool's file says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainui.cli import options, output
from trainui.errors import UnfitEnvironmentError, UsageError

TEMPLATE = Path(__file__).with_name("first_pipeline.yaml")
STDOUT = "-"


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        init,
        "Write a pipeline file to begin from.",
        "trainui init",
        "trainui init experiments/sweep.yaml",
    )


def init(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="The file to write; `-`: print it.")
    ] = "pipeline.yaml",
    as_json: options.Json = False,
) -> None:
    """Write a commented pipeline file that runs as it is; a file that is there is never changed."""
    text = TEMPLATE.read_text(encoding="utf-8")
    if file == STDOUT and not as_json:
        output.line(text.rstrip("\n"))
        return
    _write(Path(file), text)
    output.answer(as_json, {"file": file}, [f"{file} is written; next: trainui run {file}"])


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise UsageError(f"{file} is there already; name another file") from error
    except OSError as error:
        raise UnfitEnvironmentError(f"{file} cannot be written: {error.strerror}") from error
