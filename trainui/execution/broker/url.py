"""The broker's URL: as Celery takes it, and as it may be shown."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any
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
"""What a configured URL may begin with, and what Celery calls it."""


def for_celery(home: Home, settings: Settings) -> str:
    """Return the URL of the configured broker, or of our own, as Celery takes it.

    Raises:
        UsageError: the configured one is not that of a Redis or Valkey.
    """
    if settings.broker_url is None:
        return f"redis+socket://{quote(str(home.broker_socket))}"
    scheme, separator, rest = settings.broker_url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise UsageError(
            f"the setting broker_url is {mask(settings.broker_url)!r}: it has to begin with "
            f"{', '.join(f'{known}://' for known in _SCHEMES)}"
        )
    return f"{_SCHEMES[scheme]}://{rest}"


def kind(url: str) -> str:
    """Return `valkey` or `redis`: what a URL says, which need not be what answers there."""
    return "valkey" if url.startswith("valkey") else "redis"


def mask(url: str) -> str:
    """Return a URL that may be shown: with no password in it, also where it is malformed."""
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
    """Ask a configured broker what it is.

    Args:
        url: as `for_celery` gives it.
        timeout: seconds to connect, and for each answer; all of it takes twice that at most.

    Returns:
        What it says of its server, or None where nobody answers.
    """
    answer: dict[str, str] | None = _within(2 * timeout, lambda: _ask(url, timeout))
    return answer


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


def _within(seconds: float, look: Callable[[], Any]) -> Any:
    """Return what a look gives, or None where it takes longer: resolving a name can."""
    found: list[Any] = []
    looker = threading.Thread(target=lambda: found.append(look()), daemon=True)
    looker.start()
    looker.join(seconds)
    return found[0] if found else None
