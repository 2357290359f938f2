"""Train a small convolutional network on the digits with PyTorch, on the GPU if there is one.

A checkpoint holds everything that changes: weights, optimizer, schedule, step, and the state of
the random numbers. So a training that was killed and continued with --resume ends as if nothing
had happened.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

KEEP = 3  # checkpoints


def train(args: argparse.Namespace) -> None:
    """Train from the start, or on from a checkpoint, to the last step."""
    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = load(args.data, device)
    model = network().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.steps)
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    step = load_checkpoint(args.resume, parts) if args.resume else 0
    print(f"{args.steps} steps of {args.batch} images on {device}, {step} done", flush=True)

    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "metrics.jsonl").open("a") as metrics:
        while step < args.steps:
            step += 1
            images, labels = draw(data, args.batch)
            loss = functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
            optimizer.step()
            schedule.step()

            if step % args.log_every == 0:
                lr = float(schedule.get_last_lr()[0])
                log(metrics, step=step, time=time.time(), lr=lr, **{"train/loss": loss.item()})
            if step % args.validate_every == 0:
                validate(metrics, model, data, step)
            if step % args.checkpoint_every == 0:
                save_checkpoint(args.out, step, parts)
    save(args.out / "model.pt", model.state_dict())


def network() -> nn.Sequential:
    """Two convolutions, a pooling, and a layer to decide."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(32 * 4 * 4, 10),
    )


def load(path: Path, device: torch.device) -> dict[str, Tensor]:
    """What prepare.py wrote, as tensors; images as 1 x 8 x 8."""
    with np.load(path) as saved:
        data = {name: torch.from_numpy(saved[name]).to(device) for name in saved}
    return {n: t.view(-1, 1, 8, 8) if n.endswith("images") else t for n, t in data.items()}


def draw(data: dict[str, Tensor], batch: int) -> tuple[Tensor, Tensor]:
    """Pick images at random and shift each batch by up to a pixel."""
    images, labels = data["train_images"], data["train_labels"]
    picked = torch.randint(len(images), (batch,)).to(images.device)
    down, right = torch.randint(-1, 2, (2,)).tolist()
    return images[picked].roll((down, right), dims=(2, 3)), labels[picked]


def validate(metrics: TextIO, model: nn.Module, data: dict[str, Tensor], step: int) -> None:
    """Look at the validation images, log it, print a line."""
    model.eval()
    with torch.no_grad():
        scores = model(data["val_images"])
    model.train()
    loss = functional.cross_entropy(scores, data["val_labels"]).item()
    accuracy = (scores.argmax(dim=1) == data["val_labels"]).float().mean().item()
    log(metrics, step=step, **{"val/loss": loss, "val/accuracy": accuracy})
    print(f"step {step}  validation loss {loss:.4f}  accuracy {accuracy:.2%}", flush=True)


def log(metrics: TextIO, **values: float) -> None:
    """Append one line, and hand it to the system before training continues."""
    metrics.write(json.dumps(values) + "\n")
    metrics.flush()


def save_checkpoint(out: Path, step: int, parts: dict[str, Any]) -> None:
    """Write ckpt-STEP.pt, then delete all but the newest few."""
    checkpoint = {name: part.state_dict() for name, part in parts.items()}
    checkpoint |= {"step": step, "rng": torch.get_rng_state()}
    if torch.cuda.is_available():
        checkpoint["cuda_rng"] = torch.cuda.get_rng_state()
    save(out / f"ckpt-{step:06d}.pt", checkpoint)
    for old in sorted(out.glob("ckpt-*.pt"))[:-KEEP]:
        old.unlink()


def load_checkpoint(path: Path, parts: dict[str, Any]) -> int:
    """Put back what `save_checkpoint` wrote; returns the step."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(checkpoint[name])
    torch.set_rng_state(checkpoint["rng"])
    if "cuda_rng" in checkpoint and torch.cuda.is_available():
        torch.cuda.set_rng_state(checkpoint["cuda_rng"])
    return int(checkpoint["step"])


def save(path: Path, value: object) -> None:
    """Write a file that is whole or not there: under another name first, then renamed."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        torch.save(value, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train the digits network with PyTorch.")
    parser.add_argument("--data", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="the directory to write into")
    parser.add_argument("--resume", type=Path, metavar="CKPT", help="continue from a checkpoint")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=64, help="images in a step")
    parser.add_argument("--lr", type=float, default=0.002, help="the highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=10, help="steps between metrics")
    parser.add_argument("--validate-every", type=int, default=200)
    parser.add_argument("--checkpoint-every", type=int, default=200)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
