"""Measures `trainui mcp`: its start, its CPU time while it waits, and what a call takes.

python -m benchmarks.agent_wait [--seconds 20]

The wait is measured at rest and while a training stores points ten times a second, with the SDK's
client over stdio.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio
import psutil
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

from benchmarks import figures
from benchmarks.screen_live import trainui
from benchmarks.terminals import cpu_seconds

START = 1.5
"""Seconds until the server answers."""

WAITING = 0.3
"""Per cent of a core."""

CALLS = 200

TRAINING = """
for step in $(seq 100000); do
  echo "{\\"step\\": $step, \\"loss\\": 0.$step}" >> $TRAINUI_METRICS_FILE
  sleep 0.1
done
"""


def main() -> int:
    """Measure, and report the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainui-agent-") as folder:
        home = Path(folder, "home")
        try:
            trainui("worker", "start", home=home)
            trainui("run", "--wait", "--name", "first", "--", "true", home=home)
            anyio.run(measure, home, options.seconds)
        finally:
            trainui("worker", "stop", "--with-stages", home=home)
    return figures.exit_code()


async def measure(home: Path, seconds: float) -> None:
    """Report the figures of a server of this home."""
    command, *arguments = [*undisturbed(), sys.executable, "-m", "trainui", "mcp", "--write"]
    parameters = StdioServerParameters(
        command=command,
        args=arguments,
        env={**os.environ, "TRAINUI_HOME": str(home)},
        cwd=str(home.parent),
    )
    before = time.monotonic()
    async with (
        stdio_client(parameters) as (reader, writer),
        ClientSession(reader, writer) as session,
    ):
        await session.initialize()
        figures.at_most("until it answers", time.monotonic() - before, START, "s")
        (server,) = [
            one
            for one in psutil.Process().children()
            if "mcp" in one.cmdline() and "-m" in one.cmdline()
        ]
        await waiting(session, server, seconds, "at rest")
        await session.call_tool("submit", {"command": TRAINING})
        await anyio.sleep(5.0)  # the start and its events
        await waiting(session, server, seconds, "beside a training")
        before = time.monotonic()
        for _ in range(CALLS):
            await session.call_tool("show_run", {"run": "first"})
        took = 1000 * (time.monotonic() - before) / CALLS
        figures.without_limit("a call of show_run", took, "ms")


def undisturbed() -> list[str]:
    """Return what gives a command a processor to itself, where that is allowed: else nothing."""
    words = ["chrt", "--fifo", "1"]
    if shutil.which(words[0]) is None:
        return []
    is_allowed = subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    return words if is_allowed else []


async def waiting(session: ClientSession, server: psutil.Process, seconds: float, how: str) -> None:
    """Report the CPU time of a server while a client waits."""
    await session.call_tool("wait", {"timeout": 1})  # what is imported once
    before = cpu_seconds([server])
    found: Any = await session.call_tool("wait", {"timeout": seconds})
    assert '"timeout"' in found.content[0].text, found
    used = cpu_seconds([server]) - before
    figures.at_most(f"while it waits {how}, of a core", 100 * used / seconds, WAITING, "%")


if __name__ == "__main__":
    sys.exit(main())
