"""A small real training, as a person has one: numpy, a validation loss with a known optimum.

It fits a line to noisy data by gradient descent, writes metrics, a checkpoint and the best model,
and knows nothing of trainui but the file for its metrics.
"""

TRAIN = """\
import argparse, json, os, signal, sys, time
from pathlib import Path
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--out", type=Path, default=Path(os.environ.get("TRAINUI_STAGE_DIR", ".")))
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--pause", type=float, default=0.0)
parser.add_argument("--resume", type=Path)
args = parser.parse_args()

DEGREE = 1
BATCH = 32
random = np.random.default_rng(0)
x = random.uniform(-1, 1, 400)
y = 1.5 * x**3 - 0.8 * x + 0.1 * random.normal(size=400)
features = np.stack([x**n for n in range(DEGREE + 1)], axis=1)
train, held = slice(0, 300), slice(300, 400)
weights, first = np.zeros(DEGREE + 1), 0
if args.resume:
    kept = json.loads(args.resume.read_text())
    weights, first = np.array(kept["weights"]), kept["step"] + 1
if BATCH > 1024:
    raise MemoryError(f"out of memory: cannot allocate a batch of {BATCH}")
best = float("inf")
for step in range(first, args.steps):
    chosen = random.integers(0, 300, BATCH)
    error = features[train][chosen] @ weights - y[train][chosen]
    weights = weights - args.lr * 2 * features[train][chosen].T @ error / BATCH
    loss = float(np.mean((features[held] @ weights - y[held]) ** 2))
    with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
        file.write(json.dumps({"step": step, "val/loss": loss}) + "\\n")
    if loss < best:
        best = loss
        (args.out / "best.json").write_text(json.dumps({"loss": loss, "weights": list(weights)}))
    if step % 10 == 0:
        part = args.out / "part"
        part.write_text(json.dumps({"step": step, "weights": list(weights)}))
        part.rename(args.out / f"ckpt-{step}.json")
    time.sleep(args.pause)
print(f"best val/loss {best:.4f}", flush=True)
"""
