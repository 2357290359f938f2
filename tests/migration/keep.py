"""Keeps what a version leaves in its database and its directory of runs, for tests of upgrades.

The real program makes a run that fails, and again after a resume. To be run at each release that
has a new revision of the tables:

    .venv/bin/python -m tests.migration.keep

Files go to `released/REVISION`: the databases as SQL, the runs' files as JSON. What identifies
the machine is replaced: its name by `box`, the directories by `/home/me`. With `--python`, the
version in another environment is run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from tests import postgresql

KEPT = Path(__file__).with_name("released")
ME = "/home/me"


class Version:
    """A trainui of some time, in a directory of its own."""

    def __init__(self, me: Path, python: str, settings: Mapping[str, str]) -> None:
        self.home, self.work = me / "trainui", me / "work"
        self.work.mkdir(parents=True)
        self._python = python
        self._environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(me),
            "LANG": "C.UTF-8",
            "TRAINUI_HOME": str(self.home),
            "TRAINUI_CPUS": "2",
            **settings,
        }

    def __call__(self, *arguments: str) -> str:
        """Run a command of it, whatever its exit code."""
        return subprocess.run(
            [self._python, "-m", "trainui", *arguments],
            cwd=self.work,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        ).stdout

    def fill(self, pipeline: Path) -> None:
        """Run the pipeline, and resume it once."""
        shutil.copy(pipeline, self.work / "pipeline.yaml")
        self("run", "pipeline.yaml", "--wait")
        self("resume", "old", "--wait")
        shown = json.loads(self("show", "old", "--json"))
        self("worker", "stop")
        tries = {stage["name"]: len(stage["attempts"]) for stage in shown["stages"]}
        expected = {"prepare": 1, "train[rate=0.1]": 2, "train[rate=0.2]": 2, "wrong": 2}
        if tries != {**expected, "after": 0}:
            sys.exit(f"the run went otherwise than it should: {tries}")


def dump_sqlite(version: Version) -> str:
    with closing(sqlite3.connect(version.home / "trainui.db")) as connection:
        return "\n".join(connection.iterdump()) + "\n"


def dump_postgresql(programs: Path, url: str) -> str:
    done = subprocess.run(
        [
            programs / "pg_dump",
            "--inserts",
            "--no-owner",
            "--no-privileges",
            "--schema=public",
            url,
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    # only SQL, and none that an older server would not know
    kept = re.sub(r"(?m)^(\\.*|--.*|SET .*;|SELECT pg_catalog\.set_config.*;)\n", "", done.stdout)
    return re.sub(r"(?m)^CREATE SCHEMA public;\n|^\n(?=\n)", "", kept)


@contextmanager
def database() -> Iterator[tuple[Mapping[str, str], Callable[[], str]]]:
    """A PostgreSQL for a version, and what writes it down."""
    programs = postgresql.find_programs()
    if programs is None:
        sys.exit("PostgreSQL is not installed (Debian's package is called postgresql)")
    with closing(postgresql.Server(programs)) as server:
        url = server.make_database()
        yield {"TRAINUI_DATABASE_URL": url}, lambda: dump_postgresql(programs, url)


def revision_of(text: str) -> str:
    found = re.search(r"alembic_version\"? VALUES ?\('(\w+)'\)", text)
    assert found is not None
    return found[1]


def keep(name: str, text: str, me: Path, python: str) -> None:
    """Write what a version has left."""

    def anonymous(text: str) -> str:
        text = text.replace(str(Path(python).parents[1]), f"{ME}/env")
        text = re.sub(
            rf"{re.escape(tempfile.gettempdir())}/trainui-pg-\w+", f"{ME}/postgresql", text
        )
        return re.sub(rf"\b{re.escape(socket.gethostname())}\b", "box", text.replace(str(me), ME))

    place = KEPT / revision_of(text)
    place.mkdir(exist_ok=True)
    (place / f"{name}.sql").write_text(anonymous(text))
    runs = me / "trainui" / "runs"
    files = {
        str(file.relative_to(runs)): anonymous(file.read_text())
        for file in sorted(runs.rglob("*"))
        if file.is_file()
    }
    (place / f"{name}-runs.json").write_text(json.dumps(files, indent=1) + "\n")
    print(f"{place}: {name}.sql, {name}-runs.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--pipeline", type=Path, default=KEPT / "pipeline.yaml")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as directory:
        if arguments.only != "postgresql":
            me = Path(directory, "a")
            version = Version(me, arguments.python, {})
            version.fill(arguments.pipeline)
            keep("sqlite", dump_sqlite(version), me, arguments.python)
        if arguments.only != "sqlite":
            me = Path(directory, "b")
            with database() as (settings, dump):
                Version(me, arguments.python, settings).fill(arguments.pipeline)
                keep("postgresql", dump(), me, arguments.python)


if __name__ == "__main__":
    main()
