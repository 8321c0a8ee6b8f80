"""Arrays of .npz files from outside: measured before they are read, and nothing is unpickled."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

HELD_BYTES = 2**26
"""Arrays up to this size are held in memory; larger ones stay in a file, and are mapped."""

LARGEST_RATIO = 100
"""How many times its compressed size an array that is not held in memory may have."""

VERSION = (1, 0)
"""Of an array of numbers in a file; later ones are for records, and may begin with any length."""


def read_arrays(
    path: Path, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Read some arrays of an .npz file.

    The size of each follows from its header, and must be that of what the file holds. A large array
    is unpacked into a temporary file without a name, and read from there as it is used.

    Parameters
    ----------
    path
        The file.
    required, optional
        Names of the arrays.

    Returns
    -------
    dict
        The arrays by name, without those of `optional` that the file does not have; writable,
        which does not change the file.

    Raises
    ------
    ValueError
        If the file is missing, damaged or no .npz, lacks an array, or one is of Python objects or
        records, or is smaller or larger than its header says.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
            for name in required:
                if name not in members:
                    there = ", ".join(members) or "none"
                    raise _ArrayError(f"no array '{name}' (arrays: {there})")
            wanted = [name for name in (*required, *optional) if name in members]
            return {name: _read(archive, members[name], name) for name in wanted}
    except FileNotFoundError:
        raise ValueError("no such file") from None
    except _ArrayError as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # whatever zipfile, its decompressors or numpy say of a damaged file
        raise ValueError(f"not a readable .npz file, or truncated ({_line(error)})") from error


class _ArrayError(Exception):
    """An array that is refused for what it is."""


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> np.ndarray:
    """Read an array, whose checksum is compared on the way."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version != VERSION:
            raise _ArrayError(f"array '{name}' is of version {version}, {VERSION} is expected")
        try:
            shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
        except ValueError:  # which may name objects by their address
            raise _ArrayError(f"the header of array '{name}' is damaged") from None
        if dtype.hasobject or dtype.names:
            kind = "Python objects" if dtype.hasobject else "records"
            raise _ArrayError(f"array '{name}' holds {kind}, numbers or text are expected")
        size = _check_size(archive, member, name, (shape, dtype, file.tell()))
        order = "F" if by_columns else "C"
        if size <= HELD_BYTES:
            values = np.frombuffer(bytearray(file.read()), dtype, math.prod(shape))
            return values.reshape(shape, order=order)
        with tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(file, unpacked, 2**20)
            return np.memmap(unpacked, dtype, "c", 0, shape, order)


def _check_size(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    name: str,
    header: tuple[tuple[int, ...], np.dtype, int],
) -> int:
    """Return the bytes of an array, once it is sure that there are as many and not too many."""
    shape, dtype, length = header
    size, there = dtype.itemsize * math.prod(shape), member.file_size - length
    if min(shape, default=0) < 0 or size != there:
        raise _ArrayError(
            f"array '{name}' is said to be {dtype} of shape {shape}, {size:,} bytes, and has"
            f" {there:,}"
        )
    if member.compress_size > os.fstat(archive.fp.fileno()).st_size:
        raise _ArrayError(
            f"array '{name}' is said to take {member.compress_size:,} bytes of a"
            " file that has fewer"
        )
    if size > max(HELD_BYTES, LARGEST_RATIO * member.compress_size):
        raise _ArrayError(
            f"array '{name}' of {size:,} bytes is compressed to {member.compress_size:,}: at most"
            f" {LARGEST_RATIO} times as many are unpacked"
        )
    return size


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
