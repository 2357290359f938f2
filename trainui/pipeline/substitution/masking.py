"""Mask secrets: the values of variables and parameters whose names look secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from trainui.domain.definition import Json

MASK = "***"
"""Replaces a secret."""

SHORTEST = 6
"""Minimum length of a value to mask in texts; shorter ones would match ordinary words."""

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Return True if a name looks secret: `*KEY*`, `*TOKEN*`, ..., ignoring case."""
    return _SECRET.search(name) is not None


def mask(values: Mapping[str, Json]) -> dict[str, Json]:
    """Return variables or parameters with secret values masked, including nested ones."""
    return {name: MASK if is_secret(name) else _masked(value) for name, value in values.items()}


def mask_text(text: str, values: Mapping[str, Json]) -> str:
    """Return a text, e.g. a command, with the secret values of `values` masked."""
    return mask_texts([text], values)[0]


def mask_texts(texts: Iterable[str], values: Mapping[str, Json]) -> list[str]:
    """Return texts with the secret values of `values` masked."""
    found = {secret for secret in _secrets(values) if len(secret) >= SHORTEST}
    longest_first = sorted(found, key=len, reverse=True)
    return [_without(longest_first, text) for text in texts]


def mask_command(
    command: str | tuple[str, ...] | None, values: Mapping[str, Json]
) -> str | tuple[str, ...] | None:
    """Return a command, shell text or words, with the secret values of `values` masked."""
    if isinstance(command, str):
        return mask_text(command, values)
    return command and tuple(mask_texts(command, values))


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _secrets(value: Json, *, secret: bool = False) -> Iterator[str]:
    """Yield the secret texts, including nested ones."""
    if isinstance(value, str):
        if secret:
            yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _secrets(item, secret=secret or is_secret(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item, secret=secret)


def _masked(value: Json) -> Json:
    if isinstance(value, Mapping):
        return mask(value)
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value
