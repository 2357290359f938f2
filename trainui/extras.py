"""How a part of trainui is installed that not everybody needs, in the words of every message."""

from __future__ import annotations


def advice(extra: str) -> str:
    """Return what to do for an extra of `pyproject.toml`."""
    return (
        f"install trainui with its extra `{extra}`: pipx install --force '.[{extra}]' in its clone"
    )
