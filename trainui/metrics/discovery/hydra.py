"""Hydra's directories: the overrides of a job, and the prefixes of a multirun's jobs."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from trainui.metrics.files import lenient_files
from trainui.metrics.formats import labels

DIRECTORY = ".hydra"
"""It marks the directory of a job."""

_BYTES = 1 << 20
_NUMBER = re.compile(r"^    num: (\d+)$", re.MULTILINE)
"""In `hydra.job`; a single run has `???`."""
_ITEM = re.compile(r"^- [ \t]*(['\"]?)(.*?)\1[ \t\r]*$", re.MULTILINE)


def overrides(directory: Path) -> list[str]:
    """Return the overrides of the job in a directory, as they were given; empty if it has none."""
    found = _ITEM.findall(lenient_files.text(directory / DIRECTORY / "overrides.yaml", _BYTES))
    return [text.replace("''", "'") if quote else text for quote, text in found]


def params(directory: Path) -> dict[str, str]:
    """Return the overrides of the job in a directory as parameters."""
    pairs = (one.lstrip("+").partition("=") for one in overrides(directory))
    return {key: value for key, sign, value in pairs if sign}


def job_prefix(directory: Path, root: Path) -> str:
    """Return the prefix for a file of a multirun's job, below the root; empty for any other."""
    for place in (directory, *directory.parents):
        if place == root or not place.is_relative_to(root):
            break
        if (place / DIRECTORY).is_dir():
            found = _label_of(place)
            return f"{found}/" if found else ""
    return ""


@lru_cache(maxsize=1024)
def _label_of(job: Path) -> str:
    number = _NUMBER.search(lenient_files.text(job / DIRECTORY / "hydra.yaml", _BYTES))
    return labels.of_job(number[1], " ".join(overrides(job))) if number else ""
