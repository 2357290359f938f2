"""A small real training, as a person has one: numpy, and a validation loss with a known optimum.

It fits a polynomial to noisy points of a cubic by gradient descent, writes metrics, checkpoints and
the best model, and knows nothing of trainui but the file for its metrics. It stands for a device
with little memory, for whose batches it raises what a GPU's allocator would.
"""

TRAIN = """\
print("loading", flush=True)
import argparse, json, os, signal, time
from pathlib import Path
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--out", type=Path, default=Path(os.environ.get("TRAINUI_STAGE_DIR", ".")))
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--hang-at", type=int, default=-1)
parser.add_argument("--resume", type=Path)
args = parser.parse_args()

DEGREE = 1
PAUSE = 0.0
DEVICE_MEMORY = 65535


class OutOfMemoryError(RuntimeError):
    pass


def write(name, data):
    part = args.out / "part"
    part.write_text(json.dumps(data))
    part.rename(args.out / name)  # it may be stopped at any moment


random = np.random.default_rng(0)
x = random.uniform(-1, 1, 400)
y = 1.5 * x**3 - 0.8 * x + 0.1 * random.normal(size=400)
features = np.stack([x**n for n in range(DEGREE + 1)], axis=1)
held = slice(300, 400)
weights, first = np.zeros(DEGREE + 1), 0
if args.resume:
    kept = json.loads(args.resume.read_text())
    weights, first = np.array(kept["weights"]), kept["step"] + 1
best = float("inf")
for step in range(first, args.steps):
    chosen = random.integers(0, 300, args.batch_size)
    batch = features[chosen]
    if batch.nbytes > DEVICE_MEMORY:
        raise OutOfMemoryError(
            f"CUDA out of memory. Tried to allocate {batch.nbytes / 1024:.2f} MiB. GPU 0 has a "
            f"total capacity of {DEVICE_MEMORY / 1024:.2f} MiB"
        )
    error = batch @ weights - y[chosen]
    weights = weights - args.lr * 2 * batch.T @ error / args.batch_size
    loss = float(np.mean((features[held] @ weights - y[held]) ** 2))
    with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
        file.write(json.dumps({"step": step, "val/loss": loss}) + "\\n")
    if loss < best:
        best = loss
        write("best.json", {"loss": loss, "weights": list(weights)})
    if step % 10 == 0:
        write(f"ckpt-{step}.json", {"step": step, "weights": list(weights)})
        print(f"step {step}", flush=True)
    while step == args.hang_at:
        signal.pause()
    time.sleep(PAUSE)
print(f"done, best {best:.4f}", flush=True)
"""
