"""train.py with a bug that is often met: it keeps what it no longer needs, until memory runs out.

Every batch goes into a list that is never emptied. The leak is real; only the limit is made up
(--memory-mb), so that nobody's machine has to fill up for it. A training that continues from a
checkpoint begins with an empty list, and so gets through the rest.
"""

from __future__ import annotations

from network import Floats
from train import arguments, train


def main() -> None:
    """Train, and leak."""
    parser = arguments()
    parser.add_argument("--memory-mb", type=float, required=True, help="memory there is to fill")
    args = parser.parse_args()
    seen: list[Floats] = []

    def keep(images: Floats) -> None:
        seen.append(images)  # the bug: nobody ever reads these again
        used = images.nbytes * len(seen)
        if used > args.memory_mb * 1e6:
            raise MemoryError(
                f"{len(seen)} batches are kept in {used / 1e6:.0f} MB, no room for more"
            )

    train(args, on_batch=keep)


if __name__ == "__main__":
    main()
