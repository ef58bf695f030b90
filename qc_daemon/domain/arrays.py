"""Checks that records with arrays make when they are built."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def frozen_array(values: Any, dtype: DTypeLike, shape: tuple[int | None, ...], name: str) -> NDArray[Any]:
    """Return `values` as a read-only C-contiguous copy of `dtype`; None in `shape` matches any length.

    Raises:
        ValueError: the shape differs; the message names the array and both shapes.
    """
    array = np.array(values, dtype=dtype, order="C", copy=True)
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    array.setflags(write=False)
    return array


def require_ascending(values: NDArray[np.float64], name: str) -> None:
    """Raise ValueError unless `values` (n,) are finite and strictly ascending."""
    if not np.all(np.isfinite(values)) or np.any(np.diff(values) <= 0):
        raise ValueError(f"{name} must be finite and strictly ascending")
