"""Resolve paths written in a pipeline file: `~`, and paths relative to the file."""

# Paths are texts here, as in definitions and messages.
# ruff: noqa: PTH110, PTH111, PTH118

from __future__ import annotations

import os

from trainui.pipeline import template


def absolute(text: str, directory: str) -> str:
    """Return the absolute path; one that starts with `${...}` is returned unchanged."""
    parts = template.parse(text)
    if not parts or not isinstance(parts[0], str):
        return text if parts else directory
    first = os.path.expanduser(parts[0])
    while first.startswith("./"):
        first = first[2:].lstrip("/")
    if first in ("", ".") and len(parts) == 1:
        return directory
    joined = os.path.join(directory, first)
    return template.unparse(template.join((joined, *parts[1:])))


def interpreter(text: str, directory: str) -> str:
    """Resolve `python:`: an absolute path, or a bare name to be looked up on PATH.

    A bare name is a path beside the file if that exists, otherwise it is looked up on PATH.
    """
    if "/" in text or text.startswith(("~", ".", "${")):
        return absolute(text, directory)
    beside = os.path.join(directory, text)
    return beside if os.path.exists(beside) else text
