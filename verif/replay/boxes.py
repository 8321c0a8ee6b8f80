"""Parts of arrays: ranges of a flattened array as boxes of it, and windows that reach outside."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Box = tuple[slice, slice, slice]


def boxes(first: int, last: int, shape: tuple[int, int, int]) -> Iterator[tuple[int, Box]]:
    """Cut a range of a flattened three-dimensional array into boxes, in order.

    Parameters
    ----------
    first, last
        The range is ``first`` to ``last - 1``.
    shape
        Of the array.

    Yields
    ------
    tuple
        How many elements come before the box in the range, and the box.
    """
    _, down, across = shape
    at = first
    while at < last:
        line, x = divmod(at, across)
        image, y = divmod(line, down)
        images, lines, columns = 1, 1, across
        left = last - at
        if x or left < across:
            columns = min(across - x, left)
        elif y or left < down * across:
            lines = min(down - y, left // across)
        else:
            images, lines = left // (down * across), down
        yield (
            at - first,
            (slice(image, image + images), slice(y, y + lines), slice(x, x + columns)),
        )
        at += images * lines * columns


def window_of(images: np.ndarray, starts: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Return a window of images (..., H, W), (..., *size), with zeros outside of them.

    It is a view where no part of it is outside.
    """
    insides = [
        slice(max(start, 0), max(start + length, 0))
        for start, length in zip(starts, size, strict=True)
    ]
    inside = images[..., insides[0], insides[1]]
    if inside.shape[-2:] == size:
        return inside
    window = np.zeros((*images.shape[:-2], *size), images.dtype)
    rows, columns = (
        slice(part.start - start, part.start - start + length)
        for part, start, length in zip(insides, starts, inside.shape[-2:], strict=True)
    )
    window[..., rows, columns] = inside
    return window
