"""The screen in a real browser."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.acceptance.browser import CHROMIUM, browser, served
from tests.unit.tui.filled import Filler, running_demo
from trainui.store.db import engine
from trainui.store.read import views

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt install chromium")


def is_paused() -> bool:
    with engine.reading() as connection:
        return views.flag(connection, "paused") is not None


def test_a_read_only_page_shows_the_screen_and_keeps_its_token(filler: Filler) -> None:
    running_demo(filler, name="digits")
    with served() as address, browser() as shown, another_server() as (other, seen):
        site, _, token = address.partition("/#")
        shown.open(address)
        shown.until_shown("digits", "● running", "read-only")
        with shown.page.expect_websocket() as opened:
            shown.page.evaluate("refresh()")  # what Restart does
        opened.value.wait_for_event("framereceived")
        shown.page.wait_for_selector("textarea:focus", state="attached")
        shown.page.keyboard.press("Enter")
        shown.until_shown("train[hidden=128]", "1 Stages")
        shown.type("p")
        shown.until_shown("this page is read-only")
        assert not is_paused()
        assert [url for url in shown.requested if not url.startswith((site, "data:", "ws:"))] == []
        assert shown.page.context.cookies() == []
        shown.page.goto(other)
        assert "Host: 127.0.0.1" in seen[0]
        assert not any(token in one for one in seen)
        shown.page.goto(site)
        assert "it has a token after the #" in shown.page.inner_text("body")
        assert token not in shown.page.content()


def test_a_page_that_may_write_acts(filler: Filler) -> None:
    running_demo(filler, name="digits")
    with served("--write") as address, browser() as shown:
        shown.open(address)
        shown.until_shown("digits")
        assert "read-only" not in shown.text()
        shown.type("p")
        shown.until_shown("queue paused")
        assert is_paused()


@contextmanager
def another_server() -> Iterator[tuple[str, list[str]]]:
    """Listen on another port as another user could; gives its address and what it was sent."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.requestline}\n{self.headers}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", seen
        finally:
            server.shutdown()
            thread.join()


REFUSED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("/ws", {}, "it has a token"),
    ("/ws/", {}, "it has a token"),
    ("/ws/wrong", {}, "it has a token"),
    ("/ws?token={token}", {}, "it has a token"),
    ("/ws/wrong", {"Cookie": "trainui-token={token}"}, "it has a token"),
    ("/download/any", {}, "it has a token"),
    ("/ws/{token}", {"Host": "evil.example:80"}, "open 127.0.0.1"),
    ("/ws/{token}", {"Origin": "http://evil.example"}, "pages of other sites"),
    ("/ws/{token}", {"Origin": "null"}, "pages of other sites"),
)


def test_nobody_else_is_let_in(filler: Filler) -> None:
    with served() as address:
        site, _, token = address.partition("/#")
        for path, headers, words in REFUSED:
            request = urllib.request.Request(site + path.format(token=token))
            for name, value in headers.items():
                request.add_header(name, value.format(token=token))
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=30)
            assert refused.value.code == 403, path
            assert words in refused.value.read().decode(), path
            refused.value.close()
