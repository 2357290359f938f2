"""The program of a stage in an edited pipeline: writes a digest of all that its result depends on.

Standard library only. Arguments: a plan as JSON, the member, the parameter, the directories of the
upstream stages.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULT, LINK = "digest", "link-{}"
LINKS = 3
"""Checkpoints of a stage that has some; each is the digest of the one before."""

MISSING = "missing"
"""Stands for the result of an upstream stage that has none."""


def digest(*parts: str) -> str:
    """Return the digest of texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def result(plan: dict[str, Any], given: Sequence[str], last_link: str) -> str:
    """Return the result of a stage: of its plan, what its command was given, and the last link."""
    return digest(json.dumps([plan["name"], plan["constant"]]), *given, last_link)


def first_link(upstreams: Sequence[str]) -> str:
    """Return the start of a stage's chain: the results of its upstream stages."""
    return digest(*upstreams)


def main(plan: dict[str, Any], member: str, parameter: str, upstreams: Sequence[str]) -> None:
    """Run the stage.

    Args:
        plan: `ledger`, `name`, `constant`, `pause` in seconds, `input` (a path or empty), `fixed`
            (a path; until it exists the stage fails; or empty), `chained`.
        member: the value of its matrix; `-`: none.
        parameter: the parameter it uses; `-`: none.
        upstreams: directories.
    """
    directory = Path(os.environ["TRAINUI_STAGE_DIR"])
    attempt = os.environ["TRAINUI_ATTEMPT"]
    with Path(plan["ledger"]).open("a") as ledger:
        ledger.write(json.dumps([os.environ["TRAINUI_STAGE"], attempt]) + "\n")
    link = _chain(directory, plan, first_link([_read(Path(one, RESULT)) for one in upstreams]))
    if plan["fixed"] and not Path(plan["fixed"]).exists():
        sys.exit(3)
    given = Path(plan["input"]).read_text() if plan["input"] else ""
    text = result(plan, (member, parameter, os.environ.get("VARIABLE", ""), given), link)
    replace(directory / RESULT, text)


def _chain(directory: Path, plan: dict[str, Any], link: str) -> str:
    """Return the last link, from the checkpoint on if there is one."""
    done = 0
    if plan["chained"] and (checkpoint := os.environ.get("TRAINUI_CHECKPOINT")):
        done, link = int(checkpoint.rsplit("-")[-1]), Path(checkpoint).read_text()
    for number in range(done + 1, LINKS + 1):
        time.sleep(plan["pause"] / LINKS)
        link = digest(link)
        if plan["chained"]:
            replace(directory / LINK.format(number), link)
    return link


def replace(file: Path, text: str) -> None:
    """Write a file atomically."""
    temporary = file.with_name(f".{file.name}.part")
    temporary.write_text(text)
    temporary.rename(file)


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else MISSING


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
