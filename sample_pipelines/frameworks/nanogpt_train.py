"""A small training in the manner of nanoGPT: `--key=value`, one checkpoint, printed figures."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch


def main() -> None:
    """Train from scratch, or on from the checkpoint in the directory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out_dir", type=Path, required=True)
    parser.add_argument("--max_iters", type=int, default=200)
    parser.add_argument("--eval_interval", type=int, default=20)
    parser.add_argument("--init_from", choices=["scratch", "resume"], default="scratch")
    given = parser.parse_args()
    torch.manual_seed(0)
    model, first = torch.nn.Linear(8, 8), 0
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    if given.init_from == "resume":
        print(f"Resuming training from {given.out_dir}")
        saved = torch.load(given.out_dir / "ckpt.pt")
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["iter_num"]
    for iteration in range(first, given.max_iters + 1):
        began = time.perf_counter()
        x = torch.randn(64, 8)
        loss = torch.nn.functional.mse_loss(model(x), x.flip(1))
        if iteration % given.eval_interval == 0:
            print(f"step {iteration}: train loss {loss:.4f}, val loss {loss:.4f}")
            if iteration > first:
                print(f"saving checkpoint to {given.out_dir}")
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                torch.save({**state, "iter_num": iteration}, given.out_dir / "ckpt.pt")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        time.sleep(0.04)  # as if the model were larger
        spent = (time.perf_counter() - began) * 1000
        print(f"iter {iteration}: loss {loss:.4f}, time {spent:.2f}ms, mfu -100.00%")


if __name__ == "__main__":
    main()
