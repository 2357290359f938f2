"""A small training with LightGBM, on made-up data."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import lightgbm
import numpy as np


def main() -> None:
    """Train, continuing from a saved model where one is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume")
    given = parser.parse_args()
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(400, 8))
    y = x.sum(axis=1) + numbers.normal(size=400)
    train = lightgbm.Dataset(x[:300], y[:300])
    done = lightgbm.Booster(model_file=given.resume).current_iteration() if given.resume else 0

    def save(state: lightgbm.callback.CallbackEnv) -> None:
        time.sleep(0.04)  # as if there were more data
        rounds = state.iteration + 1
        if rounds % 20 == 0:
            temporary = given.out / "unfinished.txt"
            state.model.save_model(temporary)
            temporary.rename(given.out / f"rounds-{rounds:05d}.txt")

    model = lightgbm.train(
        {"objective": "regression", "metric": "l2", "verbosity": -1, "num_threads": 1},
        train,
        num_boost_round=given.rounds - done,
        init_model=given.resume,
        valid_sets=[train.create_valid(x[300:], y[300:])],
        callbacks=[lightgbm.log_evaluation(1), save],
    )
    model.save_model(given.out / "model.txt")


if __name__ == "__main__":
    main()
