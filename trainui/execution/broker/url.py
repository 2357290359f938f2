"""The broker's URL: converted for Celery, and masked for display."""

from __future__ import annotations

import re
import threading
from urllib.parse import quote

from trainui.errors import UsageError
from trainui.paths import Home
from trainui.settings import Settings

_SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "valkey": "redis",
    "valkeys": "rediss",
    "unix": "redis+socket",
    "redis+socket": "redis+socket",
}
"""Accepted schemes of a configured URL, with the scheme that Celery uses."""


def for_celery(home: Home, settings: Settings) -> str:
    """Return the URL of the configured broker, or of our own, in Celery's format.

    Raises:
        UsageError: the configured URL has another scheme.
    """
    if settings.broker_url is None:
        return f"redis+socket://{quote(str(home.broker_socket))}"
    scheme, separator, rest = settings.broker_url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise UsageError(
            f"the setting broker_url is {mask(settings.broker_url)!r}: it must begin with one of "
            f"{', '.join(f'{known}://' for known in _SCHEMES)}"
        )
    return f"{_SCHEMES[scheme]}://{rest}"


def kind(url: str) -> str:
    """Return `valkey` or `redis` according to the URL; the server itself may be the other."""
    return "valkey" if url.startswith("valkey") else "redis"


def mask(url: str) -> str:
    """Return a URL with its password masked, even if the URL is malformed."""
    url = _PASSWORD_ASKED.sub(rf"\1{_MASK}", url)
    credentials, at, host = url.rpartition("@")
    if not at:
        return url
    scheme, slashes, rest = credentials.partition("//")
    if not slashes:
        return f"{_MASK}@{host}"
    user, colon, _password = rest.partition(":")
    return f"{scheme}//{user}{colon}{_MASK if colon else ''}@{host}"


_MASK = "********"
_PASSWORD_ASKED = re.compile(r"([?&]password=)[^&]*")


def ask(url: str, timeout: float) -> dict[str, str] | None:
    """Send `INFO` to a configured broker; return the server section, or None without an answer.

    `timeout` is in seconds to connect, and for each answer; the whole call takes at most twice
    that.
    """
    found: list[dict[str, str] | None] = []  # in a thread, because name resolution can hang
    asker = threading.Thread(target=lambda: found.append(_ask(url, timeout)), daemon=True)
    asker.start()
    asker.join(2 * timeout)
    return found[0] if found else None


def _ask(url: str, timeout: float) -> dict[str, str] | None:
    import redis

    try:
        with redis.Redis.from_url(
            url.replace("redis+socket://", "unix://", 1),
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=None,
        ) as client:
            return {name: str(value) for name, value in client.info("server").items()}
    except (redis.RedisError, OSError, ValueError):
        return None
