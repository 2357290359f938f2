"""The page on several machines is followed on two, as it stands; the names on it resolve there."""

from __future__ import annotations

import os
import re
import shlex
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests import certificates, postgresql, redis_server
from tests.acceptance.pages import DOCS, blocks_of
from tests.acceptance.typing_person import type_in
from tests.gpus.stand_in import Machine
from tests.hosts.network import HUB, BaseApp, network

PAGE = DOCS / "hosts.md"
PASSWORD = "PASSWORD"
"""As on the page."""

ELSEWHERE = "pipx install"
"""How a line begins that is not typed: its package is what is tested."""

PROGRAM = (
    "import json, os\nopen(os.environ['TRAINUI_METRICS_FILE'], 'a').write('{\"step\": 1}\\n')\n"
)


def sections() -> dict[str, list[str]]:
    """The command lines of the page, by the remark above them."""
    found: dict[str, list[str]] = {}
    for block in blocks_of(PAGE):
        for line in block.body.splitlines() if block.kind == "sh" else ():
            if line.startswith("# "):
                found[line[2:]] = lines = []
            elif not line.startswith(ELSEWHERE):
                lines.append(line)
    return found


def as_settings(exports: list[str]) -> str:
    """The same in `config.toml`."""
    pairs = (re.fullmatch(r"export TRAINUI_(\w+)=('.*'|\S+)\s*(#.*)?", line) for line in exports)
    values = ((pair[1].lower(), shlex.split(pair[2])[0]) for pair in pairs if pair)
    return "".join(f"{k} = {v if v.startswith('[') else repr(v)}\n" for k, v in values)


@pytest.mark.long
def test_the_page_is_followed_on_two_hosts(tmp_path: Path, postgresql_programs: Path) -> None:
    once, everywhere, anywhere = sections().values()
    ssl, mnt, names = tmp_path / "ssl", tmp_path / "mnt", tmp_path / "hosts"
    names.write_text(f"127.0.0.1 localhost\n{HUB} db.lan redis.lan\n")
    (mnt / "shared").mkdir(parents=True)
    ssl.mkdir()
    assert certificates.KEY_USAGE in PAGE.read_text()
    tls = certificates.make(tmp_path / "tls", "db.lan", "redis.lan")
    (ssl / "lan.pem").write_text(tls.authority.read_text())
    with ExitStack() as stack:
        net = stack.enter_context(network())
        server = postgresql.Server(
            postgresql_programs, certificates=tls, superuser="postgres", wrap=net.hub
        )
        stack.enter_context(closing(server))
        stack.enter_context(
            redis_server.running(tmp_path, tls, HUB, 6380, password=PASSWORD, wrap=net.hub)
        )
        administrator = {
            **os.environ,
            "PATH": f"{postgresql_programs}:{os.environ['PATH']}",
            "PGHOST": str(server.directory),
            "PGUSER": "postgres",
            "PGPASSWORD": postgresql.PASSWORD,
        }
        asked = {"new role: |it again: ": f"{PASSWORD}\r"}
        code, seen = type_in("\n".join(["set -e", *once]), administrator, tmp_path, asked)
        assert code == 0, seen

        machine = Machine(tmp_path / "nvml", 1)
        stack.callback(machine.remove_locks)
        seen_by_all = {Path("/etc/hosts"): names, Path("/etc/ssl"): ssl, Path("/mnt"): mnt}
        hosts = [BaseApp(net, name, tmp_path, {}, seen_by_all) for name in ("node6", "node7")]
        node6, node7 = hosts
        node6.environ["LD_LIBRARY_PATH"] = machine.library_path
        for host in hosts:
            stack.callback(host.end)
            host.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

        exports = [line for line in everywhere if line.startswith("export")]
        config = Path(node7.environ["XDG_CONFIG_HOME"]) / "trainui" / "config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(as_settings(exports))  # which the page says is the same
        (pipeline,) = (block.body for block in blocks_of(PAGE) if block.kind == "yaml")
        (tmp_path / "pipeline.yaml").write_text(f"name: spread\nstages:\n{pipeline}")
        for name in re.findall(r"python (\w+\.py)", pipeline):
            (tmp_path / name).write_text(PROGRAM)

        def typed(host: BaseApp, lines: list[str]) -> str:
            script = "\n".join(["set -e", *lines])
            wrapped = shlex.join([*host.wrap, "bash", "-c", script])
            code, seen = type_in(wrapped, host.environ, tmp_path)
            assert code == 0, seen
            return seen

        typed(node7, [line for line in everywhere if line not in exports])
        seen = typed(node6, [*everywhere, *anywhere, "trainui wait spread"])
        assert "redis.lan:6380" in seen
        assert re.search(r"node6.*\n.*node7|node7.*\n.*node6", seen)
        shown = {one["name"]: one for one in node7.json("show", "spread")["stages"]}
        ran_on = {name: one["attempts"][-1]["host"] for name, one in shown.items()}
        assert (ran_on["train"], ran_on["merge"]) == ("node6", "node7")
        assert Path(mnt, "shared", "runs").is_dir()
