"""`trainui serve`: the screen in a browser (extra `serve`).

Read `server` first.
"""

from __future__ import annotations

from trainui.plugin import INTERFACE, Command

COMMAND = Command(
    interface=INTERFACE,
    name="serve",
    run="trainui.plugins.serve.command:serve",
    help="Serve the screen to a browser on this machine.",
    examples=("trainui serve", "trainui serve --port 9000 --write"),
    answer={
        "type": "object",
        "properties": {"url": {"type": "string"}, "writable": {"type": "boolean"}},
        "required": ["url", "writable"],
    },
)
