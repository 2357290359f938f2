"""TLS certificates for servers that tests start, signed by an authority valid for one day."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

KEY_USAGE = "keyUsage=critical,keyCertSign,cRLSign"
"""Required of an authority by Python 3.13."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of PEM text."""

    authority: Path
    """The CA certificate that a client has to trust."""
    certificate: Path
    key: Path


def make(directory: Path, *addresses: str) -> Certificates:
    """Make a certificate for a server at these addresses; skip the test if openssl is missing."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl on PATH; `apt install openssl` brings it")
    directory.mkdir()
    directory.chmod(0o755)
    made = Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    names = ",".join(f"{'IP' if one[0].isdigit() else 'DNS'}:{one}" for one in addresses)
    common = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    authority = ["-subj", "/CN=tests", "-keyout", "ca.key", "-out", made.authority.name]
    authority += ["-addext", KEY_USAGE]
    server = ["-subj", "/CN=server", "-addext", f"subjectAltName={names}", "-CA", "ca.pem"]
    server += ["-CAkey", "ca.key", "-keyout", made.key.name, "-out", made.certificate.name]
    server += ["-addext", "basicConstraints=critical,CA:FALSE"]
    for arguments in (authority, server):
        subprocess.run([*common, *arguments], cwd=directory, check=True, capture_output=True)
    return made
