"""A small training with PyTorch Lightning, on made-up data."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger


class Model(L.LightningModule):
    """A line through points."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(8, 1)

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        """Return the loss of a batch."""
        time.sleep(0.02)  # as if it were larger
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.layer(x), y)
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer."""
        return torch.optim.Adam(self.parameters(), lr=0.05)


def main() -> None:
    """Train, continuing from a checkpoint where one is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume")
    given = parser.parse_args()
    L.seed_everything(0)
    x = torch.randn(160, 8)
    data = torch.utils.data.TensorDataset(x, x.sum(dim=1, keepdim=True))
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=given.epochs,
        log_every_n_steps=1,
        enable_progress_bar=False,
        logger=CSVLogger(given.out, name="logs", flush_logs_every_n_steps=5),
        callbacks=[
            ModelCheckpoint(
                given.out / "checkpoints",
                save_top_k=2,
                monitor="step",
                mode="max",
                filename="{epoch:03d}",
            )
        ],
    )
    model = Model()
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=16), ckpt_path=given.resume)
    if not trainer.interrupted:
        torch.save(model.state_dict(), given.out / "model.pt")


if __name__ == "__main__":
    main()
