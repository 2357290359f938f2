"""Random pipelines whose stages keep a ledger of what truly ran."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

STAGE = """\
set -e
trap 'exit 1' TERM
printf 'start %s %s\\n' "$TRAINUI_STAGE" "$TRAINUI_ATTEMPT" >> "{ledger}"
i=0
while [ $i -lt {lines} ]; do
  printf '{{"step": %d, "loss": %d.5}}\\n' $i $i >> "$TRAINUI_METRICS_FILE"
  i=$((i + 1))
  sleep {pause}
done
printf 'end %s %s\\n' "$TRAINUI_STAGE" "$TRAINUI_ATTEMPT" >> "{ledger}"
"""


@dataclass(frozen=True)
class Entry:
    """A line of the ledger."""

    what: str
    """`start` or `end`."""
    stage: str
    attempt: int


def write_pipeline(random_: random.Random, directory: Path) -> tuple[Path, Path]:
    """Write a pipeline file of a random DAG; return it and its stages' ledger."""
    ledger = directory / "ledger.txt"
    ledger.touch()
    count = random_.randint(3, 8)
    stages = []
    for number in range(count):
        earlier = [f"s{other}" for other in range(number)]
        upstreams = random_.sample(earlier, min(len(earlier), random_.choice([0, 1, 1, 2])))
        script = STAGE.format(
            ledger=ledger,
            lines=random_.randint(2, 24),
            pause=random_.choice(["0.01", "0.05", "0.15"]),
        )
        # $ is the shell's here, and JSON is YAML
        stages.append({"name": f"s{number}", "run": ["sh", "-c", script], "depends_on": upstreams})
    file = directory / "chaos.yaml"
    file.write_text(json.dumps({"name": "chaos", "stages": stages}, indent=1))
    return file, ledger


def read_ledger(ledger: Path) -> list[Entry]:
    """Return what truly ran, in order."""
    entries = []
    for line in ledger.read_text().splitlines():
        what, stage, attempt = line.split()
        entries.append(Entry(what, stage, int(attempt)))
    return entries
