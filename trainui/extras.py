"""The advice, shared by all messages, on how to install an optional part of trainui."""

from __future__ import annotations


def advice(extra: str) -> str:
    """Return how to install an extra of `pyproject.toml`."""
    return (
        f"install trainui with its extra `{extra}`: pipx install --force '.[{extra}]' in its clone"
    )
