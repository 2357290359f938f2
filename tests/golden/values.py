"""Golden masters of JSON, one file each: plans, and what commands print with `--json`.

After an intended change, `TRAINUI_GOLDEN=write` rewrites the files of the tests that run; read the
difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def check(name: str, value: Any) -> None:
    """Compare a value with that of the golden file `NAME.json`."""
    file = FOLDER / f"{name}.json"
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("TRAINUI_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
