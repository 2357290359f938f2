"""The web server behind `trainui serve`: textual-serve's, which lets in only who has the token.

The token is in the fragment of the address, which no browser sends, and the page opens the
websocket with it. It is no cookie: a browser sends those to every port of a host, where another
user may listen. The page itself holds no secret, and a page of another site can neither read the
screen nor type into it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import shlex
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web
from textual_serve.server import Server

POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline'; connect-src 'self' {}; frame-ancestors 'none'"
)
"""Nothing is fetched from elsewhere."""

FOREIGN = re.compile(r"<link[^>]*https?://(?!127\.0\.0\.1|localhost)[^>]*>")
"""What the page asks strangers for: a font, for which it would wait where there is no network."""

ADVICE = "open the address that `trainui serve` printed: it has a token after the #"

SCRIPT = f"""<script>
  const token = location.hash.slice(1);
  const terminal = document.getElementById("terminal");
  if (token) terminal.dataset.sessionWebsocketUrl += "/" + encodeURIComponent(token);
  else document.body.textContent = {json.dumps(ADVICE)};
  window.onhashchange = window.refresh = () => location.reload();
  const look = setInterval(() => {{
    const input = document.querySelector(".xterm-helper-textarea");
    if (!input) return;
    input.focus();
    clearInterval(look);
  }}, 100);
</script></body>"""
"""Opens the websocket with the token, also after a restart; keys reach the screen with no click."""

ENDED, ENDED_OR_REFUSED = "Session ended.", f"Session ended. If Restart does not help, {ADVICE}."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer(Server):
    """Serves the screen on the loopback interface; each page has a process of its own."""

    def __init__(self, port: int, token: str, *, writable: bool, say: Callable[[str], None]):
        """Make a server.

        Args:
            port: where it listens.
            token: what the websocket's address has to hold.
            writable: whether the screen may act, rather than only show.
            say: is told the address when the server takes visitors.
        """
        command = [sys.executable, "-m", "trainui.tui.web", *(["--write"] * writable)]
        super().__init__(shlex.join(command), host="127.0.0.1", port=port, title="trainui")
        self._token = token
        self._pages: set[asyncio.Task[object]] = set()
        self._say = say

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"{self.public_url}/#{self._token}"

    def serve(self, debug: bool = False) -> None:  # noqa: ARG002 (the base's)
        """Serve until ctrl+c or SIGTERM, and say so once visitors are taken."""
        web.run_app(
            self._make_app(),
            host=self.host,
            port=self.port,
            print=lambda *_: self._say(self.address),
        )

    async def on_startup(self, app: web.Application) -> None:
        """Show no banner."""

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Let a page and its process talk, until one of them or the server ends."""
        task = asyncio.current_task()
        assert task is not None
        self._pages.add(task)
        try:
            return await super().handle_websocket(request)
        finally:
            self._pages.discard(task)

    async def on_shutdown(self, app: web.Application) -> None:  # noqa: ARG002 (given)
        """End the pages' processes before the server ends."""
        for task in self._pages:
            task.cancel()
        await asyncio.gather(*self._pages, return_exceptions=True)

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.router.add_get("/ws/{token}", self.handle_websocket)

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if refused := self._refusal(request):
                raise web.HTTPForbidden(text=refused)
            response = await handler(request)
            if not response.prepared:
                self._restrict(response)
            if request.path == "/" and isinstance(response, web.Response):
                page = FOREIGN.sub("", response.text or "").replace(ENDED, ENDED_OR_REFUSED)
                response.text = page.replace("</body>", SCRIPT)
            return response

        app.middlewares.append(guard)
        return app

    def _refusal(self, request: web.Request) -> str:
        """Say why a visitor is not let in; empty: he is."""
        hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        origin = request.headers.get("Origin")
        if request.host not in hosts:
            return f"trainui is at 127.0.0.1:{self.port}; through SSH: forward that very port"
        if origin is not None and origin.removeprefix("http://") not in hosts:
            return "another site's page has no access"
        if request.path == "/" or request.path.startswith("/static/"):
            return ""
        given = request.match_info.get("token", "")
        return "" if hmac.compare_digest(given.encode(), self._token.encode()) else ADVICE

    def _restrict(self, response: web.StreamResponse) -> None:
        socket = f"ws://127.0.0.1:{self.port}"
        response.headers["Content-Security-Policy"] = POLICY.format(socket)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
