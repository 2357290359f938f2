"""Makes a data set for YOLO: bright squares on noise, and where they are."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

SIZE, SIDE = 64, 16


def main() -> None:
    """Write images, labels and the file that names them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    numbers = np.random.default_rng(0)
    for part, count in (("train", 32), ("val", 8)):
        for kind in ("images", "labels"):
            (out / kind / part).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture = numbers.integers(0, 80, (SIZE, SIZE, 3), dtype=np.uint8)
            left, top = numbers.integers(0, SIZE - SIDE, 2)
            picture[top : top + SIDE, left : left + SIDE] = 255
            Image.fromarray(picture).save(out / "images" / part / f"{number}.png")
            centre = [(edge + SIDE / 2) / SIZE for edge in (left, top)]
            values = [0, *centre, SIDE / SIZE, SIDE / SIZE]
            text = " ".join(str(value) for value in values)
            (out / "labels" / part / f"{number}.txt").write_text(f"{text}\n")
    names = f"path: {out}\ntrain: images/train\nval: images/val\nnames: {{0: square}}\n"
    (out / "data.yaml").write_text(names)


if __name__ == "__main__":
    main()
