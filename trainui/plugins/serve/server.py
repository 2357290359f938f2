"""The web server: textual-serve's, with access by token.

The token is in the URL's fragment, which a browser does not send; the page opens the websocket
with it. It is not a cookie, since a browser sends cookies to every port of a host, where another
user may listen. The page itself contains no secret, and a page of another site can neither read
the screen nor type into it.
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
"""Content security policy: nothing may be loaded from other sites."""

FOREIGN = re.compile(r"<link[^>]*https?://(?!127\.0\.0\.1|localhost)[^>]*>")
"""Links of textual-serve's page to other sites: a font, which would delay it without a network."""

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
"""Opens the websocket with the token, also after a restart, and focuses the terminal for keys."""

ENDED, ENDED_OR_REFUSED = "Session ended.", f"Session ended. If Restart does not help, {ADVICE}."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer(Server):
    """Serves the screen on the loopback interface, with one process per page."""

    def __init__(self, port: int, token: str, *, writable: bool, say: Callable[[str], None]):
        """Create a server.

        `say` is called with the address once the server accepts connections; the websocket's
        address must contain the token.
        """
        # -P: files in its working directory cannot shadow it
        command = [sys.executable, "-P", "-m", "trainui.plugins.serve.page"]
        command += ["--write"] * writable
        super().__init__(shlex.join(command), host="127.0.0.1", port=port, title="trainui")
        self._token = token
        self._pages: set[asyncio.Task[object]] = set()
        self._say = say

    @property
    def address(self) -> str:
        """The URL to open in a browser, with the token."""
        return f"{self.public_url}/#{self._token}"

    def serve(self, debug: bool = False) -> None:  # noqa: ARG002 (the base's)
        """Serve until ctrl+c or SIGTERM; report the address once connections are accepted."""
        web.run_app(
            self._make_app(),
            host=self.host,
            port=self.port,
            print=lambda *_: self._say(self.address),
        )

    async def on_startup(self, app: web.Application) -> None:
        """Show no banner."""

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Connect a page with its process, until either of them or the server ends."""
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
                socket = f"ws://127.0.0.1:{self.port}"
                response.headers["Content-Security-Policy"] = POLICY.format(socket)
                response.headers["Referrer-Policy"] = "no-referrer"
                response.headers["Cache-Control"] = "no-store"
            if request.path == "/" and isinstance(response, web.Response):
                page = FOREIGN.sub("", response.text or "").replace(ENDED, ENDED_OR_REFUSED)
                response.text = page.replace("</body>", SCRIPT)
            return response

        app.middlewares.append(guard)
        return app

    def _refusal(self, request: web.Request) -> str:
        """Return why a request is refused; empty if it is allowed."""
        hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        origin = request.headers.get("Origin")
        if request.host not in hosts:
            return f"open 127.0.0.1:{self.port}; through SSH, forward the same port number"
        if origin is not None and origin.removeprefix("http://") not in hosts:
            return "pages of other sites have no access"
        if request.path == "/" or request.path.startswith("/static/"):
            return ""
        given = request.match_info.get("token", "")
        return "" if hmac.compare_digest(given.encode(), self._token.encode()) else ADVICE
