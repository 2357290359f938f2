"""The broker's URL, as Celery takes it and as it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui.errors import UsageError
from trainui.execution import broker as broker_url
from trainui.paths import Home
from trainui.settings import Settings

HOME = Home(Path("/some/where"))


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        (None, "redis+socket:///some/where/broker/broker.sock"),
        ("redis://host:6379/1", "redis://host:6379/1"),
        ("rediss://u:p@host/0", "rediss://u:p@host/0"),
        ("valkey://host", "redis://host"),
        ("valkeys://host", "rediss://host"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("redis+socket:///run/redis.sock", "redis+socket:///run/redis.sock"),
    ],
)
def test_a_url_is_given_as_celery_takes_it(configured: str | None, expected: str) -> None:
    assert broker_url.url_for_celery(HOME, Settings(broker_url=configured)) == expected


@pytest.mark.parametrize("configured", ["amqp://host", "localhost:6379", "/run/redis.sock", ""])
def test_a_server_other_than_redis_is_refused(configured: str) -> None:
    with pytest.raises(UsageError, match="must begin with one of redis://"):
        broker_url.url_for_celery(HOME, Settings(broker_url=configured))


def test_a_refused_url_shows_no_password() -> None:
    with pytest.raises(UsageError) as caught:
        broker_url.url_for_celery(HOME, Settings(broker_url="amqp://u:geheim@host"))
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://u:geheim@host:6379/1", "redis://u:********@host:6379/1"),
        ("redis://:geheim@host", "redis://:********@host"),
        ("redis://u@host", "redis://u@host"),
        ("redis+socket:///run/r.sock", "redis+socket:///run/r.sock"),
        ("redis://u:a:b@c/d@host", "redis://u:********@host"),
        ("redis://:ge//heim@host", "redis://:********@host"),
        ("redis:geheim@host", "********@host"),
        ("redis://[geheim:geheim@host", "redis://[geheim:********@host"),
        ("redis://host?db=1&password=geheim&x=2", "redis://host?db=1&password=********&x=2"),
    ],
)
def test_a_password_is_masked(url: str, shown: str) -> None:
    assert broker_url.mask_url(url) == shown
