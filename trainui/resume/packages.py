"""The Python packages that stages find, from the names of their metadata directories."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from trainui.domain.definition import StageDefinition
from trainui.errors import UnfitEnvironmentError
from trainui.pipeline.fields import process

_PLACES = ("lib*/python3*/site-packages", "lib/python3/dist-packages")
"""Where packages lie below an interpreter's prefix."""

_SUFFIX = ".dist-info"


def of_stages(stages: Iterable[StageDefinition], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the versions of the packages in the environments of stages, by name.

    Packages that an environment takes from its base interpreter are not among them. If two stages
    find different versions, the first stage's counts.
    """
    found: dict[str, str] = {}
    for python in dict.fromkeys(stage.python for stage in stages):
        with suppress(UnfitEnvironmentError):  # the stage's start reports it
            path = Path(process.find_interpreter(python, environ).path)
            found = dict(_installed(path.parent.parent)) | found
    return dict(sorted(found.items()))


def _installed(prefix: Path) -> Iterator[tuple[str, str]]:
    for pattern in _PLACES:
        for directory in prefix.glob(pattern):
            for entry in os.listdir(directory):  # noqa: PTH208 (a path each costs more)
                if entry.endswith(_SUFFIX):
                    name, _, version = entry.removesuffix(_SUFFIX).partition("-")
                    yield name.lower().replace("_", "-"), version
