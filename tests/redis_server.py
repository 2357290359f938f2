"""A real Redis server for tests, with a password and TLS."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from tests.certificates import Certificates
from tests.unit.supervisor.waiting import wait_for

PASSWORD = "for/tests+only"
"""Contains characters that must be quoted in a URL."""


@contextmanager
def running(
    directory: Path,
    certificates: Certificates,
    address: str,
    port: int,
    *,
    password: str = PASSWORD,
    wrap: Sequence[str] = (),
) -> Iterator[str]:
    """Run a server and yield its URL; skip the test if redis-server is missing.

    Args:
        directory: the directory for its files.
        certificates: the server's certificates.
        address: the address on which it listens.
        port: its port.
        password: its password.
        wrap: a command that runs the server's, e.g. in another network namespace.
    """
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on PATH; `apt install redis-server` brings it")
    argv = ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", address]
    argv += ["--tls-cert-file", str(certificates.certificate), "--tls-auth-clients", "no"]
    argv += ["--tls-key-file", str(certificates.key), "--tls-ca-cert-file"]
    argv += [str(certificates.authority), "--requirepass", password, "--save", ""]
    local = directory / "redis.sock"
    argv += ["--unixsocket", str(local), "--dir", str(directory)]
    with subprocess.Popen([*wrap, *argv], stdout=subprocess.DEVNULL) as server:
        try:
            with redis.Redis(unix_socket_path=str(local), password=password) as client:
                wait_for(lambda: _answers(client), "an answer of Redis")
            yield (
                f"rediss://:{quote(password, safe='')}@{address}:{port}/0"
                f"?ssl_ca_certs={quote(str(certificates.authority))}"
            )
        finally:
            server.terminate()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
