"""Read the tensors of a PyTorch file without PyTorch, and without running what it holds.

Such a file is a pickle, which is a program: whoever wrote it chooses which functions are called.
Here it can name three kinds of things only, and none of them is run as the file asks: an
``OrderedDict``, a storage type, which becomes a numpy dtype, and the function that puts a tensor
together, which becomes a record of where its values are.

Read is the layout that PyTorch wrote up to version 1.5: a magic number, a protocol version, a
description of the machine, the pickled state dict, the list of its storages' keys (a pickle each),
then for every storage its number of values, 8 bytes, and the values.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
"""The storage types that a state dict of float32 tensors and counters needs."""


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict: float32 and int64 arrays by name, each contiguous and of its own.

    Raises
    ------
    ValueError
        If the file has another layout, is truncated, or names anything but the contents of
        plain tensors.
    """
    try:
        return _read(io.BytesIO(path.read_bytes()))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


@dataclass(frozen=True)
class _Storage:
    """A flat array that tensors lie in."""

    dtype: np.dtype
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """Where a tensor's values are: ``offset`` and ``strides`` count values, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Knows the names of a state dict and refuses all others."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise ValueError(f"it asks for {module}.{name}, which no state dict of plain tensors needs")

    def persistent_load(self, identity: object) -> _Storage:
        match identity:
            case ("storage", np.dtype() as dtype, str() as key, str(), int() as count, None):
                return _Storage(dtype, key, count)
        raise ValueError(f"{identity} is no storage")

    # A bound method, as a pickle can set attributes of a plain function.
    def _tensor(
        self, storage: object, offset: object, shape: object, strides: object, *_: object
    ) -> _Tensor:
        integers = (
            isinstance(offset, int)
            and isinstance(shape, tuple)
            and isinstance(strides, tuple)
            and all(isinstance(number, int) for number in (*shape, *strides))
        )
        if not isinstance(storage, _Storage) or not integers or len(shape) != len(strides):
            raise ValueError(f"a tensor of shape {shape} and strides {strides} makes no sense")
        return _Tensor(storage, offset, shape, strides)


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    for expected in (MAGIC, PROTOCOL):
        found = _unpickle(file)
        if found != expected:
            raise ValueError(
                f"starts with {found!r}, the files of PyTorch up to 1.5 have {expected} there"
            )
    _unpickle(file)
    tensors, keys = _unpickle(file), _unpickle(file)
    if not isinstance(tensors, dict) or not isinstance(keys, list):
        raise ValueError("holds no state dict with a list of storages")
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise ValueError(f"entry {name!r} is no tensor")
    declared = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    values = {key: _values(file, declared, key) for key in keys}
    return {name: _array(name, tensor, values) for name, tensor in tensors.items()}


def _unpickle(file: BinaryIO) -> object:
    """Read the next pickle."""
    try:
        return _Unpickler(file).load()
    except ValueError:
        raise
    # A broken pickle can raise nearly anything.
    except Exception as error:
        raise ValueError(
            f"not a PyTorch file up to version 1.5, or truncated ({type(error).__name__}: {error})"
        ) from error


def _values(file: BinaryIO, declared: dict[str, _Storage], key: object) -> np.ndarray:
    """Read the next storage, flat."""
    storage = declared.get(key) if isinstance(key, str) else None
    if storage is None:
        raise ValueError(f"storage {key!r} belongs to no tensor")
    count = int.from_bytes(file.read(8), "little")
    if count != storage.count:
        raise ValueError(f"storage '{key}' has {count} values, its tensors want {storage.count}")
    data = file.read(count * storage.dtype.itemsize)
    if len(data) != count * storage.dtype.itemsize:
        raise ValueError(f"truncated in storage '{key}'")
    return np.frombuffer(data, storage.dtype)


def _array(name: str, tensor: _Tensor, values: dict[str, np.ndarray]) -> np.ndarray:
    """Copy a tensor out of its storage."""
    if tensor.storage.key not in values:
        raise ValueError(f"'{name}' lies in storage '{tensor.storage.key}', which is not there")
    flat = values[tensor.storage.key]
    sizes = list(zip(tensor.shape, tensor.strides, strict=True))
    last = tensor.offset + sum((size - 1) * stride for size, stride in sizes)
    if (
        tensor.offset < 0
        or any(size < 1 or stride < 0 for size, stride in sizes)
        or last >= len(flat)
        or math.prod(tensor.shape) > len(flat)
    ):
        raise ValueError(
            f"'{name}' of shape {tensor.shape}, strides {tensor.strides} and offset"
            f" {tensor.offset} does not fit into a storage of {len(flat)} values"
        )
    strides = [stride * flat.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, strides)
    return view.copy(order="C")
