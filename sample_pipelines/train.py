"""Train the digits network: SGD with momentum, and checkpoints to continue from exactly.

Writes into --out: config.json, metrics.jsonl, the last three ckpt-STEP.npz and, at the end,
model.npz. Killed at any moment and continued with --resume, it ends with the same weights, bit
for bit, as if nothing had happened.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import network
import numpy as np
from network import Floats, Ints, Weights
from numpy.typing import NDArray

Data = dict[str, NDArray[Any]]

KEEP = 3  # checkpoints


@dataclass
class State:
    """All that changes while training, and so all that a checkpoint has to hold."""

    weights: Weights
    momentum: Weights
    rng: np.random.Generator
    step: int


def train(args: argparse.Namespace, on_batch: Callable[[Floats], None] | None = None) -> None:
    """Train from the start, or on from a checkpoint, to the end of the last epoch."""
    data = load(args.data)
    state = load_checkpoint(args.resume) if args.resume else new_state(args.hidden, args.seed)
    steps_per_epoch = max(1, args.images // args.batch)
    steps = args.epochs * steps_per_epoch
    print(f"{steps} steps of {args.batch} images, {state.step} done", flush=True)

    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "config.json").write_text(json.dumps(vars(args), default=str) + "\n")
    with (args.out / "metrics.jsonl").open("a") as metrics:
        seen, since = 0, time.perf_counter()
        for step in range(state.step + 1, steps + 1):
            images, labels = draw(data, args.batch, state.rng)
            if on_batch:
                on_batch(images)
            loss, gradients = network.loss_and_gradients(state.weights, images, labels)
            lr = learning_rate(step, steps, args.lr)
            update(state, gradients, lr)

            seen += args.batch
            if step % args.log_every == 0 or not math.isfinite(loss):
                now = time.perf_counter()
                log(
                    metrics,
                    {
                        "step": step,
                        "epoch": round(step / steps_per_epoch, 3),
                        "train/loss": loss,
                        "lr": lr,
                        "grad_norm": norm(gradients),
                        "images_per_s": round(seen / (now - since)),
                        "time": round(time.time(), 3),
                    },
                )
                seen, since = 0, now
            if not math.isfinite(loss):
                raise SystemExit(f"step {step}: the loss is {loss}, this training has diverged")
            if step % steps_per_epoch == 0:
                validate(metrics, state, data, step // steps_per_epoch, args.epochs)
            if step % args.checkpoint_every == 0:
                save_checkpoint(args.out, state)
    save(args.out / "model.npz", state.weights)


def draw(data: Data, batch: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Pick images at random and distort them; no two batches of a training are alike."""
    picked = rng.integers(len(data["train_labels"]), size=batch)
    return network.distort(data["train_images"][picked], rng), data["train_labels"][picked]


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Rise to the peak over the first twentieth, then fall to nothing along a cosine."""
    warmup = max(1, steps // 20)
    if step < warmup:
        return peak * step / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) / 2


def update(state: State, gradients: Weights, lr: float) -> None:
    """One step of SGD with momentum."""
    for name, gradient in gradients.items():
        state.momentum[name] = np.float32(0.9) * state.momentum[name] + gradient
        state.weights[name] = state.weights[name] - np.float32(lr) * state.momentum[name]
    state.step += 1


def norm(gradients: Weights) -> float:
    """The length of all gradients taken as one vector."""
    return math.hypot(*(float(np.linalg.norm(gradient)) for gradient in gradients.values()))


def validate(metrics: TextIO, state: State, data: Data, epoch: int, epochs: int) -> None:
    """Look at the validation images, log it, and print the epoch's line."""
    probabilities = network.predict(state.weights, data["val_images"])
    loss = network.cross_entropy(probabilities, data["val_labels"])
    accuracy = network.accuracy(probabilities, data["val_labels"])
    log(metrics, {"step": state.step, "epoch": epoch, "val/loss": loss, "val/accuracy": accuracy})
    print(
        f"epoch {epoch}/{epochs}  step {state.step}  "
        f"validation loss {loss:.4f}  accuracy {accuracy:.2%}",
        flush=True,
    )


def log(metrics: TextIO, values: dict[str, float]) -> None:
    """Append one line, and hand it to the system before training continues."""
    metrics.write(json.dumps(values) + "\n")
    metrics.flush()


def new_state(hidden: int, seed: int) -> State:
    """Fresh weights, nothing seen yet."""
    rng = np.random.default_rng(seed)
    weights = network.new_weights(hidden, rng)
    momentum = {name: np.zeros_like(values) for name, values in weights.items()}
    return State(weights, momentum, rng, step=0)


def save_checkpoint(out: Path, state: State) -> None:
    """Write ckpt-STEP.npz, then delete all but the newest few."""
    arrays: Data = {f"weights/{name}": values for name, values in state.weights.items()}
    arrays |= {f"momentum/{name}": values for name, values in state.momentum.items()}
    arrays["rng"] = np.array(json.dumps(state.rng.bit_generator.state))
    arrays["step"] = np.array(state.step)
    save(out / f"ckpt-{state.step:06d}.npz", arrays)
    for old in sorted(out.glob("ckpt-*.npz"))[:-KEEP]:
        old.unlink()


def load_checkpoint(path: Path) -> State:
    """What `save_checkpoint` wrote."""
    arrays = load(path)
    rng = np.random.default_rng()
    rng.bit_generator.state = json.loads(str(arrays["rng"]))
    return State(
        weights=group(arrays, "weights/"),
        momentum=group(arrays, "momentum/"),
        rng=rng,
        step=int(arrays["step"]),
    )


def group(arrays: Data, prefix: str) -> Data:
    """The arrays under a prefix, without it."""
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def save(path: Path, arrays: dict[str, Any]) -> None:
    """Write an .npz that is whole or not there: under another name first, then renamed."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load(path: Path) -> Data:
    """All arrays of an .npz."""
    with np.load(path) as file:
        return dict(file)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the digits network.")
    parser.add_argument("--data", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="the directory to write into")
    parser.add_argument("--resume", type=Path, metavar="CKPT", help="continue from a checkpoint")
    parser.add_argument("--hidden", type=int, default=64, help="units in each hidden layer")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--images", type=int, default=80_000, help="distorted images in an epoch")
    parser.add_argument("--batch", type=int, default=64, help="images in a step")
    parser.add_argument("--lr", type=float, default=0.02, help="the highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=20, help="steps between metrics")
    parser.add_argument("--checkpoint-every", type=int, default=500, help="steps between them")
    return parser


if __name__ == "__main__":
    train(arguments().parse_args())
