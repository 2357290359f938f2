"""`trainui mcp`: the runs for coding agents, over the Model Context Protocol (extra `mcp`).

Read `tools` first: what each tool answers.
"""

from __future__ import annotations

from trainui.plugin import INTERFACE, Command

COMMAND = Command(
    interface=INTERFACE,
    name="mcp",
    run="trainui.plugins.mcp.command:mcp",
    help="Serve the runs to a coding agent over MCP (stdio).",
    examples=("trainui mcp", "trainui mcp --write"),
)
"""The command, which an agent's client starts and ends."""
