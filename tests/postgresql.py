"""A PostgreSQL of the tests' own: real, on a socket in a directory that goes with it."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.certificates import Certificates

PASSWORD = "only for tests/+%"
"""With characters that a URL has to quote."""

_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def find_programs() -> Path | None:
    """Return the directory of PostgreSQL's programs; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    on_path = shutil.which("initdb")
    programs = [*found, *([Path(on_path)] if on_path else [])]
    return programs[0].resolve().parent if programs else None


_running: list[Server] = []


def running() -> Server:
    """Return the server of this process: for what cannot take a fixture."""
    return _running[-1]


class Server:
    """A running server."""

    def __init__(
        self,
        programs: Path,
        settings: Mapping[str, str] | None = None,
        *,
        certificates: Certificates | None = None,
        wrap: Sequence[str] = (),
    ) -> None:
        """Make one and start it.

        Args:
            programs: the directory of its programs.
            settings: as in its `postgresql.conf`.
            certificates: with them it takes clients by TCP, on TLS only.
            wrap: a command before the server's, such as one that runs it in another network.
        """
        self._wrap = wrap
        self.directory = Path(tempfile.mkdtemp(prefix="trainui-pg-"))
        self._programs = programs
        self._numbers = itertools.count()
        self._owner = _another_user()
        self._own(self.directory)
        secret = self.directory / "password"
        secret.write_text(PASSWORD)
        self._own(secret)
        data = self.directory / "data"
        self._run(
            *("initdb", "-D", str(data), "-U", "trainui", "-A", "scram-sha-256", "-E", "UTF8"),
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
        """Start it; returns when it lets clients in."""
        log = self.directory / "log"
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-l", str(log), "-w", "start")

    def stop(self) -> None:
        """Stop it at once, clients or not."""
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-m", "immediate", "-w", "stop")

    def close(self) -> None:
        """Stop it and delete all."""
        _running.remove(self)
        if (self.directory / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.directory)

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        from urllib.parse import quote

        secret = quote(PASSWORD, safe="")
        return f"postgresql://trainui:{secret}@/{database}?host={self.directory}"

    def make_database(self, template: str = "template1") -> str:
        """Make a database and return its URL."""
        name = f"t{os.getpid()}_{next(self._numbers)}"
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    @cache  # noqa: B019  (it lives as long as the tests)
    def filled_template(self) -> str:
        """Return the name of an empty database of the current schema."""
        from trainui.store import schema

        url = self.make_database()
        schema.upgrade(url)
        return _name(url)

    def drop(self, url: str) -> None:
        """Delete a database, whoever is still connected."""
        self._administer(f'DROP DATABASE "{_name(url)}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _own(self, path: Path) -> None:
        if self._owner is not None:
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    def _run(self, program: str, *arguments: str) -> None:
        as_user: list[str] = []
        if self._owner is not None:
            ids = f"--reuid={self._owner.pw_uid}", f"--regid={self._owner.pw_gid}"
            as_user = ["setpriv", *ids, "--clear-groups"]
        subprocess.run(
            [*self._wrap, *as_user, str(self._programs / program), *arguments],
            check=True,
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def _another_user() -> pwd.struct_passwd | None:
    """Return who is to run it where we are root, for whom it does not start."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None
