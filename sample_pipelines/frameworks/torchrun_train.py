"""A small training in the manner of pytorch/examples, for `torchrun`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

BATCHES = 20


def main() -> None:
    """Train from scratch, or on from a checkpoint."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume")
    given = parser.parse_args()
    distributed.init_process_group("gloo")
    torch.manual_seed(distributed.get_rank())
    model = DistributedDataParallel(torch.nn.Linear(8, 1))
    optimizer, first = torch.optim.SGD(model.parameters(), lr=given.lr), 0
    if given.resume:
        saved = torch.load(given.resume)
        model.load_state_dict(saved["state_dict"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["epoch"]
    for epoch in range(first, given.epochs):
        for batch in range(BATCHES):
            x = torch.randn(16, 8)
            loss = torch.nn.functional.mse_loss(model(x), x.sum(dim=1, keepdim=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            time.sleep(0.03)  # as if the model were larger
            if distributed.get_rank() == 0:
                print(f"Epoch: [{epoch}][{batch:3d}/{BATCHES}]\tLoss {loss:.4e} ({loss:.4e})")
        if distributed.get_rank() == 0:
            state = {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**state, "epoch": epoch + 1}, given.out / "checkpoint.pth.tar")
    if distributed.get_rank() == 0:
        torch.save(model.state_dict(), given.out / "model_best.pth.tar")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
