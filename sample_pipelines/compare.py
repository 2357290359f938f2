"""Compare two trained models: are their weights the same, bit for bit?"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from train import load


def main() -> None:
    """Print and write what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs=2, help="two model.npz")
    parser.add_argument("--out", type=Path, required=True, help="text file to write")
    args = parser.parse_args()

    first, second = map(load, args.models)
    different = [name for name in first if not np.array_equal(first[name], second[name])]
    if different:
        verdict = f"these weights differ: {', '.join(different)}"
    else:
        verdict = "the same weights, bit for bit"
    args.out.write_text(verdict + "\n")
    print(verdict)


if __name__ == "__main__":
    main()
