"""A three-layer network for 8x8 images, its gradients, and the distortions it is trained with."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Weights = dict[str, Floats]

LEAK = np.float32(0.1)
ONE = np.float32(1)

# Row and column of each of the 64 pixels, counted from the image's centre.
ROWS, COLUMNS = (np.indices((8, 8)).reshape(2, 64) - 3.5).astype(np.float32)


def new_weights(hidden: int, rng: np.random.Generator) -> Weights:
    """Weights for 64 -> hidden -> hidden -> 10 (He initialisation)."""
    sizes = [64, hidden, hidden, 10]
    weights: Weights = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), 1):
        scale = np.float32(np.sqrt(2 / fan_in))
        weights[f"w{layer}"] = scale * rng.standard_normal((fan_in, fan_out), np.float32)
        weights[f"b{layer}"] = np.zeros(fan_out, np.float32)
    return weights


def forward(weights: Weights, images: Floats) -> tuple[Floats, Floats, Floats]:
    """Both hidden layers, and the probability of each of the ten digits, a row an image."""
    h1 = leaky_relu(images @ weights["w1"] + weights["b1"])
    h2 = leaky_relu(h1 @ weights["w2"] + weights["b2"])
    return h1, h2, softmax(h2 @ weights["w3"] + weights["b3"])


def predict(weights: Weights, images: Floats) -> Floats:
    """The probability of each of the ten digits, a row an image."""
    return forward(weights, images)[-1]


def loss_and_gradients(weights: Weights, images: Floats, labels: Ints) -> tuple[float, Weights]:
    """The mean cross entropy of a batch, and its gradient for every weight."""
    h1, h2, probabilities = forward(weights, images)

    d3 = probabilities.copy()
    d3[np.arange(len(labels)), labels] -= 1
    d3 /= np.float32(len(labels))
    d2 = (d3 @ weights["w3"].T) * np.where(h2 > 0, ONE, LEAK)
    d1 = (d2 @ weights["w2"].T) * np.where(h1 > 0, ONE, LEAK)
    gradients = {
        "w1": images.T @ d1,
        "b1": d1.sum(axis=0),
        "w2": h1.T @ d2,
        "b2": d2.sum(axis=0),
        "w3": h2.T @ d3,
        "b3": d3.sum(axis=0),
    }
    return cross_entropy(probabilities, labels), gradients


def leaky_relu(values: Floats) -> Floats:
    """Values above zero as they are, those below made small; unlike ReLU, no unit ever dies."""
    return np.asarray(np.maximum(values, LEAK * values), np.float32)


def softmax(scores: Floats) -> Floats:
    """Turn scores into probabilities, a row at a time."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def cross_entropy(probabilities: Floats, labels: Ints) -> float:
    """The mean of -log p(the right digit)."""
    right = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(right + np.float32(1e-12)).mean())


def accuracy(probabilities: Floats, labels: Ints) -> float:
    """The share of images whose likeliest digit is the right one."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def distort(images: Floats, rng: np.random.Generator) -> Floats:
    """Turn, stretch, shift and speckle each image a little, each in its own way."""
    n = len(images)
    angle = rng.uniform(-0.2, 0.2, (n, 1)).astype(np.float32)  # about 11 degrees
    zoom = rng.uniform(0.9, 1.1, (n, 1)).astype(np.float32)
    down, right = rng.uniform(-0.75, 0.75, (2, n, 1)).astype(np.float32)  # pixels

    # Where in the old image does each pixel of the new one come from?
    cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
    rows = np.clip(cos * ROWS - sin * COLUMNS + down + 4.5, 0, 8.999)
    columns = np.clip(sin * ROWS + cos * COLUMNS + right + 4.5, 0, 8.999)

    # Between four pixels, so mix them (bilinear); a border of zeros saves asking where they end.
    padded = np.pad(images.reshape(n, 8, 8), ((0, 0), (1, 1), (1, 1))).reshape(n, 100)
    top, left = rows.astype(np.int64), columns.astype(np.int64)
    dy, dx = rows - top, columns - left
    corner = top * 10 + left
    upper = pixels(padded, corner) * (1 - dx) + pixels(padded, corner + 1) * dx
    lower = pixels(padded, corner + 10) * (1 - dx) + pixels(padded, corner + 11) * dx
    noise = np.float32(0.05) * rng.standard_normal((n, 64), np.float32)
    return np.asarray(upper * (1 - dy) + lower * dy + noise, np.float32)


def pixels(images: Floats, where: Ints) -> Floats:
    """The pixels at `where`, a row of positions for each image."""
    return np.take_along_axis(images, where, axis=1)
