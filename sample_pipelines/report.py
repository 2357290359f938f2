"""Write report.md: the models side by side, their learning curves, and what each confuses."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

BARS = "▁▂▃▄▅▆▇█"


def main() -> None:
    """Read evaluation.json and each model's metrics, write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluation", type=Path, required=True, help="evaluation.json")
    parser.add_argument("--out", type=Path, required=True, help="the report to write")
    args = parser.parse_args()

    evaluation = json.loads(args.evaluation.read_text())
    best = next(m for m in evaluation["models"] if m["model"] == evaluation["best"])
    lines = [
        "# Handwritten digits",
        "",
        f"The best model has {best['hidden']} hidden units: "
        f"{best['accuracy']:.2%} of the test images are right.",
        "",
        "| hidden | weights | test loss | test accuracy | validation loss, by epoch |",
        "|---:|---:|---:|---:|---|",
        *(row(model) for model in evaluation["models"]),
        "",
        "## What they confuse",
        "",
        *(
            f"- {m['hidden']} hidden units: {mistakes(m['confusion'])}"
            for m in evaluation["models"]
        ),
    ]
    args.out.write_text("\n".join(lines) + "\n")
    print(f"wrote {args.out}")


def row(model: dict[str, Any]) -> str:
    """A model's line of the table."""
    return (
        f"| {model['hidden']} | {model['weights']:,} | {model['loss']:.4f} "
        f"| {model['accuracy']:.2%} | {sparkline(validation_losses(Path(model['model'])))} |"
    )


def validation_losses(model: Path) -> list[float]:
    """The validation loss of each epoch (a resumed training may have written one twice)."""
    lines = (model / "metrics.jsonl").read_text().splitlines()
    points = [point for point in map(json.loads, lines) if "val/loss" in point]
    return list({point["epoch"]: point["val/loss"] for point in points}.values())


def sparkline(values: list[float]) -> str:
    """Values as a row of bars."""
    low, high = min(values), max(values)
    scale = (len(BARS) - 1) / (high - low or 1)
    return "".join(BARS[round((value - low) * scale)] for value in values)


def mistakes(confusion: list[list[int]]) -> str:
    """Every pair of digits that was mixed up, the most frequent first."""
    found = [
        (count, digit, guess)
        for digit, guesses in enumerate(confusion)
        for guess, count in enumerate(guesses)
        if count and digit != guess
    ]
    found.sort(reverse=True)
    return (
        ", ".join(f"{digit} taken for {guess} ({count}x)" for count, digit, guess in found)
        or "none"
    )


if __name__ == "__main__":
    main()
