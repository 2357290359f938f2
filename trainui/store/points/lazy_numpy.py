"""`np`: numpy, imported at its first use, since the screen's first frame must not wait for it.

The types of its arrays are texts, so that it need not be imported for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

__all__ = ["Array", "Bools", "Bytes", "Floats", "Ints", "Steps", "np"]

Array: TypeAlias = "NDArray[Any]"
Bools: TypeAlias = "NDArray[np.bool_]"
Bytes: TypeAlias = "NDArray[np.uint8]"
Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"

Steps: TypeAlias = "NDArray[Any]"
"""int64, or float64 if any step has a fraction."""

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:

    class _LazyNumpy:
        """Looks each name up once in numpy."""

        def __getattr__(self, name: str) -> Any:
            import numpy

            found = getattr(numpy, name)
            setattr(self, name, found)
            return found

    np = _LazyNumpy()
