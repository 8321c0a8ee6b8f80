"""Arrays as callers give them, checked."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def code_array(codes: ArrayLike, name: str = "codes") -> NDArray[np.uint8]:
    """Return `codes`, integers of any shape, as uint8; ValueError if one is not in 0..255."""
    array = np.asarray(codes)
    if array.dtype == np.uint8:
        return array
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"{name} of type {array.dtype}: codes are integers, best uint8")
    if array.size and (array.min() < 0 or array.max() > 255):
        raise ValueError(
            f"{name} from {array.min()} to {array.max()}: a code is an integer from 0 to 255"
        )
    return array.astype(np.uint8)


def exact_float64(values: ArrayLike) -> NDArray:
    """Return `values` as an array of a type that float64 holds exactly, else raise ValueError."""
    array = np.asarray(values)
    if not np.can_cast(array.dtype, np.float64):
        raise ValueError(f"values of type {array.dtype}: float64 or what it holds exactly")
    if array.dtype.itemsize == 8 and array.dtype.kind in "iu":
        result = array.astype(np.float64)
        if (abs(result) >= 2**53).any():
            raise ValueError("integer values of 2^53 or more: float64 does not hold them exactly")
        return result
    return array
