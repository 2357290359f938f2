"""A real PostgreSQL server for tests, on a socket in a temporary directory."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.certificates import Certificates
from tests.unit.supervisor.waiting import wait_for

if TYPE_CHECKING:
    import psycopg

PASSWORD = "only for tests/+%"
"""Contains characters that must be quoted in a URL."""

_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}

_EMPTY = b"""
DO $$
DECLARE written text;
BEGIN
    PERFORM pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SELECT string_agg(oid::regclass::text, ', ') INTO written FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0;
    IF written IS NOT NULL THEN
        EXECUTE 'TRUNCATE ' || written || ' RESTART IDENTITY CASCADE';
    END IF;
END $$
"""
"""Disconnects the clients and empties the tables that were written; numbers restart at 1."""


def find_programs() -> Path | None:
    """Return the directory of PostgreSQL's programs, which on Debian is not on PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    on_path = shutil.which("initdb")
    programs = [*found, *([Path(on_path)] if on_path else [])]
    return programs[0].resolve().parent if programs else None


_running: list[Server] = []


def running() -> Server:
    """Return the server of this process, for code that cannot use a fixture."""
    return _running[-1]


class Server:
    """A running server."""

    def __init__(
        self,
        programs: Path,
        settings: Mapping[str, str] | None = None,
        *,
        certificates: Certificates | None = None,
        superuser: str = "trainui",
        wrap: Sequence[str] = (),
    ) -> None:
        """Create a server and start it.

        Args:
            programs: the directory of its programs.
            settings: settings for its `postgresql.conf`.
            certificates: if given, it accepts TCP connections, with TLS only.
            superuser: the name of its superuser.
            wrap: a command that runs the server's, e.g. in another network namespace.
        """
        self._wrap = wrap
        self.superuser = superuser
        self.directory = Path(tempfile.mkdtemp(prefix="trainui-pg-"))
        self.programs = programs
        self._numbers = itertools.count()
        self._emptied: list[str] = []
        self._owner = _another_user()
        self._own(self.directory)
        secret = self.directory / "password"
        secret.write_text(PASSWORD)
        self._own(secret)
        data = self.directory / "data"
        self._run(
            *("initdb", "-D", str(data), "-U", superuser, "-A", "scram-sha-256", "-E", "UTF8"),
            *("--locale=C.UTF-8", f"--pwfile={secret}", "--no-sync"),
        )
        options = {"listen_addresses": "", "unix_socket_directories": str(self.directory)}
        if certificates is not None:
            options |= self._with_tls(certificates, data)
        lines = {**options, **_FAST, **(settings or {})}
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in lines.items())
        self.start()
        _running.append(self)

    @property
    def pid(self) -> int:
        """Its process id; the kernel ends it together with the tests' process."""
        return self._process.pid

    def _with_tls(self, certificates: Certificates, data: Path) -> dict[str, str]:
        for file in (certificates.certificate, certificates.key):
            copy = Path(shutil.copy(file, data))
            copy.chmod(0o600)
            self._own(copy)
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("hostssl all all all scram-sha-256\n")
        names = {"ssl_cert_file": certificates.certificate, "ssl_key_file": certificates.key}
        return {"listen_addresses": "*", "ssl": "on", **{k: v.name for k, v in names.items()}}

    def start(self) -> None:
        """Start it; return when it accepts connections."""
        data = self.directory / "data"
        with (self.directory / "log").open("a") as log:
            self._process = subprocess.Popen(
                [*self._command("postgres"), "-D", str(data)],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a ctrl+c ends the tests, and they end it
            )
        wait_for(lambda: self._is_ready(data / "postmaster.pid"), "PostgreSQL")

    def _is_ready(self, written: Path) -> bool:
        if self._process.poll() is not None:
            raise AssertionError((self.directory / "log").read_text())
        lines = written.read_text().split() if written.exists() else []
        return lines[:1] == [str(self.pid)] and lines[-1] == "ready"

    def stop(self) -> None:
        """Stop it at once, without waiting for clients."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def close(self) -> None:
        """Stop it and delete its files."""
        _running.remove(self)
        self.stop()
        shutil.rmtree(self.directory)

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        from urllib.parse import quote

        secret = quote(PASSWORD, safe="")
        return f"postgresql://{self.superuser}:{secret}@/{database}?host={self.directory}"

    def make_database(self, template: str = "template1", options: str = "") -> str:
        """Create a database and return its URL.

        Args:
            template: the database that it is copied from; "template0" for another locale.
            options: more options of CREATE DATABASE.
        """
        name = f"t{os.getpid()}_{next(self._numbers)}"
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {options}')
        return self.url(name)

    @cache  # noqa: B019  (it lives as long as the tests)
    def filled_template(self) -> str:
        """Return the name of a template database with the current schema and no rows."""
        from trainui.store.db import schema

        url = self.make_database()
        schema.upgrade(url)
        return _name(url)

    @contextmanager
    def empty_database(self) -> Iterator[str]:
        """Yield the URL of a database with the current schema and no rows.

        Later callers get it again, emptied, which takes the server a tenth of creating another;
        who changes the schema changes it back.
        """
        url = self._emptied.pop() if self._emptied else self.make_database(self.filled_template())
        yield url
        with self._connect(_name(url)) as connection:
            connection.execute(_EMPTY)
        self._emptied.append(url)

    def drop(self, url: str) -> None:
        """Drop a database, even if clients are connected."""
        self._administer(f'DROP DATABASE "{_name(url)}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        with self._connect("postgres") as connection:
            connection.execute(statement.encode())

    def _connect(self, database: str) -> psycopg.Connection:
        import psycopg

        return psycopg.connect(self.url(database), autocommit=True)

    def _own(self, path: Path) -> None:
        if self._owner is not None:
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._command(program), *arguments],
            check=True,
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

    def _command(self, program: str) -> list[str]:
        """Return a command for one of its programs; the process ends with its parent."""
        as_user: list[str] = []
        if self._owner is not None:
            ids = f"--reuid={self._owner.pw_uid}", f"--regid={self._owner.pw_gid}"
            as_user = [*ids, "--clear-groups"]
        wrapped = [*self._wrap, "setpriv", "--pdeathsig", "QUIT", *as_user]
        return [*wrapped, str(self.programs / program)]


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def _another_user() -> pwd.struct_passwd | None:
    """Return a user to run the server as, if we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None
