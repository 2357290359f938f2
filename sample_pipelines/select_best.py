"""Pick the model with the lowest validation loss; trainings that left no model are passed over."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path


def main() -> None:
    """Rank the models, copy the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="directories that train.py wrote into")
    parser.add_argument("--out", type=Path, required=True, help="directory for the best model")
    args = parser.parse_args()

    finished = [model for model in args.models if (model / "model.npz").exists()]
    if not finished:
        raise SystemExit("not one of the trainings finished")
    ranking = sorted((final_loss(model), model) for model in finished)
    for loss, model in ranking:
        print(f"{loss:.4f}  {describe(model)}")
    print(f"{len(args.models) - len(finished)} of {len(args.models)} trainings left no model")

    loss, best = ranking[0]
    shutil.copyfile(best / "model.npz", args.out / "best.npz")
    chosen = {"model": str(best), "val/loss": loss}
    (args.out / "best.json").write_text(json.dumps(chosen, indent=2) + "\n")


def final_loss(model: Path) -> float:
    """The last validation loss in a model's metrics."""
    lines = (model / "metrics.jsonl").read_text().splitlines()
    return float([point["val/loss"] for point in map(json.loads, lines) if "val/loss" in point][-1])


def describe(model: Path) -> str:
    """What was tried."""
    config = json.loads((model / "config.json").read_text())
    return f"lr {config['lr']}, seed {config['seed']}"


if __name__ == "__main__":
    main()
