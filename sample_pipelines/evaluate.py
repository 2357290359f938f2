"""Measure trained models on the test images, which no training has seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import network
import numpy as np
from train import load


def run_evaluation(models: list[str], out: str | None = None) -> dict[str, Any]:
    """Evaluate the model in each of these directories (train.py's --out).

    The result names the best of them; with `out` it is also written there, as evaluation.json.
    """
    results = [evaluate(Path(model)) for model in models]
    best = max(results, key=lambda result: float(result["accuracy"]))
    evaluation = {"best": best["model"], "models": results}
    if out is not None:
        (Path(out) / "evaluation.json").write_text(json.dumps(evaluation, indent=2) + "\n")
    return evaluation


def evaluate(model: Path) -> dict[str, Any]:
    """Loss, accuracy and confusions of one model."""
    config = json.loads((model / "config.json").read_text())
    data = load(Path(config["data"]))
    weights = load(model / "model.npz")

    labels = data["test_labels"]
    probabilities = network.predict(weights, data["test_images"])
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    accuracy = network.accuracy(probabilities, labels)
    print(f"{accuracy:.2%} right on {len(labels)} test images: {model}")
    return {
        "model": str(model),
        "hidden": config["hidden"],
        "weights": sum(values.size for values in weights.values()),
        "loss": network.cross_entropy(probabilities, labels),
        "accuracy": accuracy,
        "confusion": confusion.tolist(),
    }
