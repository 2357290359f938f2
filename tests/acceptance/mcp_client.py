"""An agent's client: the SDK's own, over stdio, as a person's editor runs it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.acceptance.command_line import CommandLine

if TYPE_CHECKING:  # it takes long, and each process of pytest would do it
    from mcp import ClientSession


class ToolError(Exception):
    """An answer that is an error, with its record."""

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__(record["message"])
        self.code: str = record["code"]
        self.record = record


class Agent:
    """Calls tools of one server."""

    def __init__(self, portal: BlockingPortal, session: ClientSession) -> None:
        self._portal = portal
        self.session = session

    def tools(self) -> list[dict[str, Any]]:
        """The definitions, as they are sent."""
        found = self._portal.call(self.session.list_tools)
        return [one.model_dump(by_alias=True, exclude_none=True) for one in found.tools]

    def text(self, name: str, **arguments: Any) -> tuple[str, bool]:
        """A tool's answer as text, and if it is an error."""
        from mcp.types import CallToolResult

        found = self._portal.call(self.session.call_tool, name, arguments)
        assert isinstance(found, CallToolResult)
        (content,) = found.content
        assert content.type == "text"
        return content.text, bool(found.is_error)

    def begin(self, name: str, **arguments: Any) -> None:
        """Call a tool, and do not wait for its answer."""
        self._portal.start_task_soon(self.session.call_tool, name, arguments)

    def __call__(self, name: str, /, **arguments: Any) -> Any:
        """A tool's answer; raises ToolError."""
        text, is_error = self.text(name, **arguments)
        answer = json.loads(text)
        if is_error:
            raise ToolError(answer["error"])
        return answer


def _waiting() -> set[threading.Thread]:
    """Return the threads in which Python 3.11 waits for the ends of children."""
    return {one for one in threading.enumerate() if one.name.startswith("asyncio-waitpid-")}


async def _until_reaped(others: set[threading.Thread]) -> None:
    """Wait for the end of this thread's child to be noted, for which the SDK waits two seconds.

    A child without a note would be a leftover that fails whichever test next looks for garbage.
    `others` wait for children of other agents.
    """
    children = Path("/proc/thread-self/children")
    while children.read_text() or _waiting() - others:
        await anyio.sleep(0.01)
    for _ in range(3):  # turns of the loop until it is noted
        await anyio.lowlevel.checkpoint()


@contextmanager
def agent(cli: CommandLine, *options: str, **environ: str) -> Iterator[Agent]:
    """A server with its client, which ends it."""
    from mcp import ClientSession
    from mcp.client.stdio import StdioServerParameters, stdio_client

    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "trainui", "mcp", *options],
        env={**cli.environ, **environ},
        cwd=cli.directory,
    )

    @asynccontextmanager
    async def connected() -> AsyncIterator[ClientSession]:
        others = _waiting()
        try:
            async with (
                stdio_client(parameters) as (reader, writer),
                ClientSession(reader, writer) as session,
            ):
                await session.initialize()
                yield session
        finally:
            with anyio.CancelScope(shield=True):
                await _until_reaped(others)

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(connected()) as session,
    ):
        yield Agent(portal, session)
