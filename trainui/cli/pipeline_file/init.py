"""The command `init`: write a commented example pipeline file, or convert another program's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainui.cli import options
from trainui.cli.output import printing
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.plugin import Imported, Importer, registry
from trainui.plugin.records import fits

TEMPLATE = Path(__file__).with_name("first_pipeline.yaml")
STDOUT = "-"


@options.command(
    "trainui init",
    "trainui init experiments/sweep.yaml",
)
def init(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="The file to write; `-` for stdout.")
    ] = "pipeline.yaml",
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Convert this file of another program."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write a commented pipeline file that runs as it is; an existing file is never changed.

    With --from: convert a file of another program, e.g. a dvc.yaml, including the values of
    params.yaml and vars, foreach and matrix. What has no equivalent is printed on stderr, and left
    as a comment in the file. Plugins convert; `trainui plugins` lists them.
    """
    notes: tuple[str, ...] = ()
    if source is None:
        text = TEMPLATE.read_text(encoding="utf-8")
    else:
        made = _converted(source, Path() if file == STDOUT else Path(file).parent)
        text, notes = made.text, made.notes
    if file == STDOUT and not as_json:
        printing.exact(*text.rstrip("\n").split("\n"))
    else:
        _write(Path(file), text)
    for note in notes:
        printing.note(f"{source}: {note}")
    if file != STDOUT or as_json:
        shown = [f"wrote {file}; next: trainui run {file}"]
        printing.answer(as_json, {"file": file, "notes": list(notes)}, shown)


def _converted(source: str, target: Path) -> Imported:
    """Convert a file by the importer that knows its name, else by the only one."""
    from trainui.pipeline.yaml.tree import read_text

    importers = registry.records(Importer)
    known = [one for one in importers if fits(Path(source).name, one.files)] or importers
    if len(known) != 1:
        names = ", ".join(one.name for one in known) or "none"
        raise UsageError(
            f"{source} has no name that one importer knows ({names}); see `trainui plugins`"
        )
    found = read_text(source)
    places = Path(found.directory).resolve(), target.expanduser().resolve()
    made: Imported = registry.run(known[0], known[0].convert, found.text, source, *places)
    return made


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        if isinstance(error, FileExistsError) and file.exists():
            raise UsageError(f"{file} already exists; name another file") from error
        raise UnfitEnvironmentError(f"{file} cannot be written: {error.strerror}") from error
