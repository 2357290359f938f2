"""`np`: numpy, imported at its first use, since the screen's first frame must not wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["np"]

if TYPE_CHECKING:
    import numpy as np
else:

    class _LazyNumpy:
        """Looks each name up once in numpy."""

        def __getattr__(self, name: str) -> Any:
            import numpy

            found = getattr(numpy, name)
            setattr(self, name, found)
            return found

    np = _LazyNumpy()
