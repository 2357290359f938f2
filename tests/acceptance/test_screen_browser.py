"""The screen in a real browser."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from tests.acceptance.browser import CHROMIUM, browser, served
from tests.unit.tui.conftest import empty_database, filler, home, store  # noqa: F401
from tests.unit.tui.filled import Filler, running_demo
from trainui.store import reader, views

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt install chromium")


def is_paused() -> bool:
    with views.reading() as connection:
        return reader.flag(connection, "paused") is not None


def test_the_page_shows_the_screen_and_takes_keys(filler: Filler) -> None:  # noqa: F811
    running_demo(filler, name="digits")
    with served() as address, browser() as shown:
        shown.open(address)
        shown.until_shown("digits", "● running", "read-only")
        shown.page.keyboard.press("Enter")
        shown.until_shown("train[hidden=128]", "1 Stages")
        site = address.partition("/?")[0]
        assert [url for url in shown.requested if not url.startswith((site, "data:", "ws:"))] == []


def test_the_page_changes_nothing_unless_told_otherwise(filler: Filler) -> None:  # noqa: F811
    running_demo(filler, name="digits")
    with served() as address, browser() as shown:
        shown.open(address)
        shown.until_shown("digits")
        shown.type("p")
        shown.until_shown("this page only shows")
        assert not is_paused()
    with served("--write") as address, browser() as shown:
        shown.open(address)
        shown.until_shown("digits")
        assert "read-only" not in shown.text()
        shown.type("p")
        shown.until_shown("queue paused")
        assert is_paused()


@pytest.mark.parametrize(
    ("query", "headers", "words"),
    [
        ("/", {}, "it holds a token"),
        ("/?token=wrong", {}, "it holds a token"),
        ("/ws", {}, "it holds a token"),
        ("/static/js/textual.js", {}, "it holds a token"),
        (None, {"Host": "evil.example:80"}, "trainui is at 127.0.0.1"),
        (None, {"Origin": "http://evil.example"}, "another site's page"),
        (None, {"Origin": "null"}, "another site's page"),
    ],
)
def test_nobody_else_is_let_in(
    filler: Filler,  # noqa: F811
    query: str | None,
    headers: dict[str, str],
    words: str,
) -> None:
    with served() as address:
        site = address.partition("/?")[0]
        request = urllib.request.Request(address if query is None else site + query)
        for name, value in headers.items():
            request.add_header(name, value)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        assert refused.value.code == 403
        assert words in refused.value.read().decode()
        refused.value.close()
