"""Split the 8x8 digits into train, validation and test images and save them as one .npz file."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

RAW = Path(__file__).with_name("digits.csv.gz")


def main() -> None:
    """Read the raw table, shuffle it, split it, save it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    parser.add_argument("--seed", type=int, default=0, help="decides which image lands where")
    args = parser.parse_args()

    table = np.loadtxt(RAW, delimiter=",", dtype=np.uint8)
    table = np.random.default_rng(args.seed).permutation(table)
    images = table[:, :64].astype(np.float32) / 16  # pixels are 0 to 16 in the file
    labels = table[:, 64].astype(np.int64)

    train, val, test = np.split(np.arange(len(table)), [len(table) - 600, len(table) - 300])
    np.savez_compressed(
        args.out,
        train_images=images[train],
        train_labels=labels[train],
        val_images=images[val],
        val_labels=labels[val],
        test_images=images[test],
        test_labels=labels[test],
    )
    print(f"{len(train)} images to train on, {len(val)} to validate, {len(test)} to test")


if __name__ == "__main__":
    main()
