"""Everything that cannot be had again, in one file."""

from __future__ import annotations

import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from trainui import formatting, paths, settings, text
from trainui.cli import options
from trainui.cli.output import printing, progress
from trainui.errors import NotFoundError, NotPlainFileError, UnfitEnvironmentError, UsageError

SMALL = 1 << 20
"""Bytes of the largest file that counts as small."""

KEPT_IN_RUN = ("pipeline.yaml", "env.json", "code.json")


def register(app: typer.Typer) -> None:
    """Add the command."""
    options.add(
        app,
        backup,
        "Copy the database and the runs' small files into one file.",
        "trainui backup",
        "trainui backup /mnt/backups/trainui.tar.gz",
        'tar xzf trainui.tar.gz -C "$TRAINUI_HOME"   # to have it back, into an empty home',
    )


def backup(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="A .tar.gz to make (default: trainui-DATE.tar.gz here).",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Copy the database, as it is at one moment, and the runs' small files into one file.

    That is each run's pipeline file, environment and code record, and the logs and records of its
    attempts up to 1 MiB each. Checkpoints, outputs and other files of stages are not in it. Nothing
    has to be stopped for it. The file holds the environments of your runs, so only you may read it.
    """
    from trainui.store.db import backup as copies
    from trainui.store.read import views

    home = paths.home()
    if settings.load().database_url is not None:
        raise UsageError('the database is a PostgreSQL: `pg_dump "$TRAINUI_DATABASE_URL"` saves it')
    if views.is_none_yet():
        raise NotFoundError(f"there are no runs yet: {home.database} is not there")
    target = Path(file or time.strftime("trainui-%Y-%m-%d-%H%M%S.tar.gz")).expanduser()
    if target.exists():
        raise UsageError(f"{target} is there already; name another file")
    part, copy = (target.with_name(f".{target.name}.{kind}") for kind in ("part", "db"))
    try:
        with progress.shown("copying the database") as shown:

            def advance(left: int, total: int) -> None:
                shown.total, shown.done = total, total - left

            copies.copy(home.database, copy, advance)
        count, left = _pack(part, copy, settings.runs_dir(settings.load()))
        part.replace(target)
    except NotPlainFileError:
        raise
    except OSError as error:
        raise UnfitEnvironmentError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        for path in (part, copy):
            path.unlink(missing_ok=True)
    size = target.stat().st_size
    told = {"file": str(target.absolute()), "bytes": size, "files": count, "left_out": left}
    shown_target = text.harmless(str(target))
    lines = [f"{shown_target}: {formatting.size(size)}, the database and {count} files"]
    if left:
        lines.append(f"{left} logs and records are larger than 1 MiB and are not in it")
    printing.answer(as_json, told, lines)


def _pack(target: Path, database: Path, runs: Path) -> tuple[int, int]:
    """Write the archive; return how many small files are in it, and how many were too large."""
    found = list(_small_files(runs))
    count = left = 0
    with (
        open(target, "xb", opener=_private) as stream,
        tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive,
        progress.shown("packing", len(found) + 1) as shown,
    ):
        archive.add(database, "trainui.db")
        shown.advance()
        if (config := paths.config_file()).is_file():
            archive.add(config, "config.toml")
        for path in found:
            shown.advance()
            try:
                if path.stat().st_size > SMALL:
                    left += 1
                    continue
                archive.add(path, str(Path("runs", path.relative_to(runs))))
            except FileNotFoundError:
                continue  # its run was deleted meanwhile
            count += 1
    return count, left


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _small_files(runs: Path) -> Iterator[Path]:
    """Yield the files that are wanted of the runs; the stages' own are not looked at."""
    for run in sorted(runs.iterdir()) if runs.is_dir() else ():
        yield from (path for name in KEPT_IN_RUN if (path := run / name).is_file())
        for attempts in (run / paths.OURS, *run.glob(f"*/{paths.OURS}")):
            yield from (path for path in sorted(attempts.rglob("*")) if path.is_file())
