"""What each earlier version has left, under this one: upgraded and shown; and resumed.

`keep.py` says how a version's database comes here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory

from tests import postgresql
from tests.acceptance.command_line import CommandLine, states_of
from tests.migration.keep import KEPT, ME
from trainui.store.db import schema

DUMPS = sorted(KEPT.glob("*/*.sql"))

RESUMED = [next(dump for dump in DUMPS if dump.stem == stem) for stem in ("sqlite", "postgresql")]
"""The oldest of each database; from there on a resume is the same for all."""

FIRST_ON_POSTGRESQL = "0003"


def test_something_is_kept_of_every_revision() -> None:
    script = ScriptDirectory.from_config(schema.alembic_config("sqlite://"))
    revisions = {one.revision for one in script.walk_revisions()}
    wanted = {f"{one}/sqlite" for one in revisions}
    wanted |= {f"{one}/postgresql" for one in revisions if one >= FIRST_ON_POSTGRESQL}
    assert {f"{dump.parent.name}/{dump.stem}" for dump in DUMPS} == wanted, "see keep.py"


class Kept:
    """What was kept, with the paths that are the case here."""

    def __init__(self, dump: Path, root: Path) -> None:
        self.sql = self._here(dump.read_text(), root)
        self._files = json.loads(dump.with_name(f"{dump.stem}-runs.json").read_text())
        self._root = root

    @staticmethod
    def _here(text: str, root: Path) -> str:
        return text.replace(f"{ME}/trainui", str(root / "home")).replace(ME, str(root))

    def restore_files(self, cli: CommandLine) -> None:
        """Put the runs' files back, and the pipeline file to where it was."""
        for name, text in self._files.items():
            file = cli.home / "runs" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._here(text, self._root))
            if name.endswith("/pipeline.yaml"):
                cli.write("pipeline.yaml", text)


@contextmanager
def settings_of(
    dump: Path, kept: Kept, root: Path, request: pytest.FixtureRequest
) -> Iterator[dict[str, str]]:
    """Bring the database back; yield the settings by which it is the store."""
    (root / "home").mkdir(mode=0o700)
    if dump.stem == "sqlite":
        with closing(sqlite3.connect(root / "home" / "trainui.db")) as connection:
            connection.executescript(kept.sql)
            connection.execute("PRAGMA journal_mode = WAL")
        yield {}
        return
    server: postgresql.Server = request.getfixturevalue("postgresql_server")
    url = server.make_database()
    with psycopg.connect(url) as connection:
        connection.execute(kept.sql.encode())
    yield {"TRAINUI_DATABASE_URL": url}
    server.drop(url)


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: f"{dump.parent.name}-{dump.stem}")
def test_what_a_version_left_is_shown_and_resumed(
    dump: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kept = Kept(dump, tmp_path)
    with (
        settings_of(dump, kept, tmp_path, request) as settings,
        closing(CommandLine(tmp_path, {"TRAINUI_HOST": "box", **settings})) as cli,
    ):
        kept.restore_files(cli)
        ended = {"prepare": "completed", "train[rate=0.1]": "completed"}
        ended |= {"train[rate=0.2]": "completed", "wrong": "failed", "after": "blocked"}
        assert states_of(cli.json("show", "old")) == ended
        assert cli("logs", "old", "rate=0.1", "--attempt", "1").out == "trained at 0.1\n"
        loss, other = cli.json("metrics", "old")["series"]
        assert (loss["count"], loss["superseded"], loss["last"], other["last"]) == (
            *(5, 5, 0.15),
            0.25,
        )
        if not settings:
            copies = list(cli.home.glob(f"trainui.db.before-{schema.HEAD}-*"))
            assert len(copies) == (dump.parent.name != schema.HEAD)
            assert all(schema.revision(copy) == dump.parent.name for copy in copies)
        if dump not in RESUMED:
            return
        (cli.directory / "allowed").touch()
        shown = cli.json("resume", "old", "--wait")
        assert {stage["name"]: len(stage["attempts"]) for stage in shown["stages"]} == {
            **{"prepare": 1, "train[rate=0.1]": 2, "train[rate=0.2]": 2},
            **{"wrong": 3, "after": 1},
        }
        assert shown["status"] == "completed"
