"""Secrets kept out of what is written: values of variables and parameters with telling names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from trainui.domain.definition import Json

MASK = "***"
"""Stands where a secret was."""

SHORTEST = 6
"""Characters of a value that is looked for in texts; shorter ones are in every other word."""

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Tell whether what is called so must not be shown: `*KEY*`, `*TOKEN*`, ..., in any case."""
    return _SECRET.search(name) is not None


def mask(values: Mapping[str, Json]) -> dict[str, Json]:
    """Return variables or parameters with secret values masked, also within dicts and lists."""
    return {name: MASK if is_secret(name) else _masked(value) for name, value in values.items()}


def mask_text(text: str, values: Mapping[str, Json]) -> str:
    """Return a text, such as a command, in which the secret values of `values` are masked."""
    return mask_texts([text], values)[0]


def mask_texts(texts: Iterable[str], values: Mapping[str, Json]) -> list[str]:
    """Return texts in which the secret values of `values` are masked."""
    found = {secret for secret in _secrets(values) if len(secret) >= SHORTEST}
    longest_first = sorted(found, key=len, reverse=True)
    return [_without(longest_first, text) for text in texts]


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _secrets(value: Json, *, secret: bool = False) -> Iterator[str]:
    """Yield the texts that are secret, also within dicts and lists."""
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
