"""`trainui serve`, and a real browser on its page."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pyte
from playwright.sync_api import Page, WebSocket, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 60.0
"""Seconds; a browser starts slowly on a busy machine."""


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """Serve the screen; gives the address with its token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "trainui", "serve", "--port", str(port), "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as server:
        assert server.stdout is not None
        try:
            yield str(json.loads(server.stdout.readline())["url"])
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE)


class Browser:
    """The page, and what its terminal was sent."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requested: list[str] = []
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        page.on("websocket", self._listen)
        page.on("request", lambda request: self.requested.append(request.url))

    def open(self, address: str) -> None:
        """Go to the page, and wait until keys reach it."""
        self.page.goto(address)
        self.page.wait_for_selector("textarea:focus", state="attached", timeout=PATIENCE * 1000)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._receive)
        socket.on("framesent", self._notice)

    def _receive(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            self._stream.feed(data)

    def _notice(self, data: str | bytes) -> None:
        kind, *values = json.loads(data)
        if kind == "resize":
            self._screen.resize(values[0]["height"], values[0]["width"])

    def until_shown(self, *texts: str) -> None:
        """Wait until all of these are to be seen."""
        give_up_at = time.monotonic() + PATIENCE
        while not all(text in self.text() for text in texts):
            assert time.monotonic() < give_up_at, f"{texts} not in\n{self.text()}"
            self.page.wait_for_timeout(50)  # lets the browser's events come in

    def text(self) -> str:
        """What is to be seen by now."""
        return "\n".join(self._screen.display)

    def type(self, keys: str) -> None:
        """Type into the page."""
        self.page.keyboard.type(keys)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser of one's own."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield Browser(chromium.new_page(viewport={"width": 1200, "height": 700}))
        finally:
            chromium.close()


ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
"""For a machine with no display and no network, also as root."""
