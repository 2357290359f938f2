"""Hosts as network namespaces: a hub with the servers, and others that can be cut off from it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.unit.supervisor.waiting import wait_for
from trainui.supervisor.process import processes_of

HUB = "10.77.0.1"
"""The servers' address: no other test uses it, and nobody outside the namespaces sees it."""


@dataclass
class Network:
    """The namespaces."""

    prefix: str
    hosts: list[str] = field(default_factory=list)

    @property
    def hub(self) -> list[str]:
        """The command that runs another one in the hub."""
        return [*_IN, f"{self.prefix}hub"]

    def add(self, name: str, mounts: Mapping[Path, Path]) -> list[str]:
        """Add a host; return the command that runs another one on it.

        Args:
            name: its hostname.
            mounts: files and directories, by where this host, and no other, sees them.
        """
        space, link = f"{self.prefix}{name}", f"{self.prefix}v{name}"
        self.hosts.append(name)
        _ip("netns", "add", space)
        _ip("link", "add", link, "type", "veth", "peer", "name", "up0", "netns", space)
        _ip("link", "set", link, "netns", f"{self.prefix}hub")
        _ip("-n", f"{self.prefix}hub", "link", "set", link, "master", "hub0", "up")
        address = f"10.77.0.{len(self.hosts) + 1}/24"
        _ip("-n", space, "address", "add", address, "dev", "up0")
        _ip("-n", space, "link", "set", "up0", "up")
        _ip("-n", space, "link", "set", "lo", "up")
        binds = [f"mount --bind {shlex.join([str(own), str(at)])}" for at, own in mounts.items()]
        script = " && ".join(['hostname "$0"', *binds, 'exec "$@"'])
        return [*_IN, space, "unshare", "--uts", "--mount", "sh", "-c", script, name]

    def connect(self, name: str, *, up: bool) -> None:
        """Connect a host, or cut it off."""
        link = f"{self.prefix}v{name}"
        _ip("-n", f"{self.prefix}hub", "link", "set", link, "up" if up else "down")


_IN = ["ip", "netns", "exec"]


@contextmanager
def network() -> Iterator[Network]:
    """Make a hub; without the rights or programs for it the test is skipped."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("network namespaces need root and iproute2")
    made = Network(f"t{os.getpid()}")
    hub = f"{made.prefix}hub"
    try:
        _ip("netns", "add", hub)
        subprocess.run(
            [*made.hub, "unshare", "--uts", "--mount", "true"], check=True, capture_output=True
        )
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces cannot be made here: {error.stderr}")
    try:
        _ip("-n", hub, "link", "set", "lo", "up")
        _ip("-n", hub, "link", "add", "hub0", "type", "bridge")
        _ip("-n", hub, "address", "add", f"{HUB}/24", "dev", "hub0")
        _ip("-n", hub, "link", "set", "hub0", "up")
        yield made
    finally:
        for space in (hub, *(f"{made.prefix}{name}" for name in made.hosts)):
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "delete", space)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class BaseApp:
    """A machine with a home of its own, on which commands are run."""

    def __init__(
        self,
        network: Network,
        name: str,
        directory: Path,
        settings: Mapping[str, str],
        mounts: Mapping[Path, Path] = MappingProxyType({}),
    ) -> None:
        """Make it.

        Args:
            network: whose host.
            name: its hostname.
            directory: all hosts see it, except that `private` in there is each one's own.
            settings: as in the environment.
            mounts: what it sees where others do not.
        """
        self.name = name
        self.home = directory / name / "home"
        self._network = network
        private, own = directory / "private", directory / name / "private"
        for made in (private, own):
            made.mkdir(parents=True, exist_ok=True)
        self.wrap = network.add(name, {private: own, **mounts})
        known = {k: v for k, v in os.environ.items() if not k.startswith("TRAINUI_")}
        self.environ = {
            **known,
            "TRAINUI_HOME": str(self.home),
            "XDG_CONFIG_HOME": str(directory / name / "config"),
            **{f"TRAINUI_{key.upper()}": value for key, value in settings.items()},
        }

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run trainui on this host."""
        command = [*self.wrap, sys.executable, "-m", "trainui", *arguments]
        return subprocess.run(
            command, env=self.environ, capture_output=True, text=True, timeout=timeout, check=False
        )

    def json(self, *arguments: str) -> Any:
        """Run trainui on this host, and return what it prints."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def cut_off(self) -> None:
        """Take its network away."""
        self._network.connect(self.name, up=False)

    def bring_back(self) -> None:
        """Give it back."""
        self._network.connect(self.name, up=True)

    def end(self) -> None:
        """Kill all that runs on it."""

        def none_is_left() -> bool:
            pids = processes_of({"TRAINUI_HOME": str(self.home)})
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)
            return not pids

        wait_for(none_is_left, f"the end of all processes of {self.name}")
