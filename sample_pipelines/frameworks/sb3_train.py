"""A small training with Stable-Baselines3: PPO balances a pole."""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import CheckpointCallback
from stable_baselines3.common.logger import CSVOutputFormat, HumanOutputFormat, Logger


def main() -> None:
    """Train, continuing from a checkpoint where one is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--timesteps", type=int, default=30_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume")
    given = parser.parse_args()
    world = gymnasium.make("CartPole-v1")
    if given.resume:
        model = PPO.load(given.resume, world, device="cpu")
    else:
        model = PPO("MlpPolicy", world, n_steps=256, device="cpu", seed=0)
    # each start writes a separate file: this logger would empty the one before
    table = given.out / f"progress-{model.num_timesteps}.csv"
    model.set_logger(
        Logger(None, [CSVOutputFormat(str(table)), HumanOutputFormat(str(given.out / "log.txt"))])
    )
    model.learn(
        given.timesteps - model.num_timesteps,
        callback=CheckpointCallback(1024, str(given.out / "checkpoints"), name_prefix="ppo"),
        reset_num_timesteps=False,
    )
    model.save(given.out / "model.zip")


if __name__ == "__main__":
    main()
