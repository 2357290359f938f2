"""A small training with Hugging Face's Trainer: a tiny language model on made-up text."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

LENGTH = 16


class Slow(TrainerCallback):
    """Takes its time, as if the model were larger."""

    def on_step_end(self, *_: object, **__: object) -> None:
        """Wait a little."""
        time.sleep(0.04)


def main() -> None:
    """Train, continuing from a checkpoint where one is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume")
    given = parser.parse_args()
    torch.manual_seed(0)
    rows = [(torch.arange(LENGTH) + start) % 32 for start in range(256)]
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=32, n_positions=LENGTH, n_embd=16, n_layer=1, n_head=2)
    )
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(given.out),
            max_steps=given.steps,
            per_device_train_batch_size=4,
            logging_steps=5,
            save_steps=20,
            save_total_limit=2,
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=[{"input_ids": row, "labels": row} for row in rows],
        callbacks=[Slow()],
    )
    trainer.train(resume_from_checkpoint=given.resume)
    trainer.save_model(str(given.out / "model"))


if __name__ == "__main__":
    main()
