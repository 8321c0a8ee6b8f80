"""A matrix product as a file for simulator processes, and for whoever repeats a tile.

The operands travel in one ``product.npz``; each process simulates a range of tiles, keeps
``progress`` up to date and leaves a ``part.npz``. Nothing in these files is executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from model import Format
from model.format.rounding import check_rounding
from model.graph.archive import read_arrays
from verif.commands.files import write_arrays
from verif.engine.tile import Configuration
from verif.replay.product import Product

ARRAYS = ("a_codes", "w_codes", "start", "biases_w", "expected", "flags")
LEAST_BIAS, GREATEST_BIAS = -128, 127
"""What a register of the engine holds."""

ALL_FLAGS = 7


def product_hash(product: Product) -> str:
    """Return a hash of everything that a product holds."""
    whole = hashlib.sha256(repr((product.configuration, product.together)).encode())
    for name in ARRAYS:
        array = np.ascontiguousarray(getattr(product, name))
        whole.update(f"{name} {array.dtype} {array.shape}".encode())
        whole.update(array)
    return whole.hexdigest()


def save_product(product: Product, path: Path, **extra: int | str) -> None:
    """Write a product, whole or not at all, with `extra` numbers or texts beside it."""
    configuration = product.configuration
    description = {
        "fmt_a": str(configuration.fmt_a),
        "fmt_w": str(configuration.fmt_w),
        "fmt_y": configuration.fmt_y and str(configuration.fmt_y),
        "rounding": configuration.rounding,
        "clamp": configuration.clamp,
        "together": product.together,
    }
    arrays = {name: getattr(product, name) for name in ARRAYS}
    write_arrays(path, description=json.dumps(description | extra), **arrays)


def load_product(path: Path) -> tuple[Product, dict[str, object]]:
    """Read what `save_product` has written: the product and everything in its description.

    Raises
    ------
    ValueError
        If the file is missing, is not such a file, or what it holds is no product: formats,
        rounding or clamp that there are not, arrays that do not fit each other or have no element.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    try:
        arrays = read_arrays(path, ("description", *ARRAYS))
        description = _description(arrays.pop("description"))
    except ValueError as error:
        raise ValueError(f"{path}: not a file of a matrix product ({error})") from None
    try:
        configuration = _configuration(description)
        together = whole_number(description, "together", 1, None)
        _check_operands(arrays)
        _check_results(arrays, configuration)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Product(configuration, **arrays, together=together), description


def whole_number(
    description: Mapping[str, object], name: str, least: int, greatest: int | None
) -> int:
    """Return an integer of a description; ValueError if it is missing, none or out of range."""
    value = entry(description, name)
    if type(value) is not int or value < least or (greatest is not None and value > greatest):
        limit = f"of {least} or more" if greatest is None else f"from {least} to {greatest}"
        raise ValueError(f"{name} {value!r}: a whole number {limit} is wanted")
    return value


def entry(description: Mapping[str, object], name: str) -> object:
    """Return an entry of a description; ValueError if it is missing."""
    if name not in description:
        raise ValueError(f"the description has no '{name}'")
    return description[name]


def _description(text: np.ndarray) -> dict[str, object]:
    if text.shape or text.dtype.kind != "U":
        raise ValueError(
            f"its description is {text.dtype} of shape {text.shape}, one text is wanted"
        )
    try:
        description = json.loads(str(text))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its description is not JSON: {error}") from None
    if not isinstance(description, dict):
        raise ValueError("its description is not a JSON object")
    return description


def _configuration(description: Mapping[str, object]) -> Configuration:
    raw = entry(description, "fmt_y") is None
    fmt_a, fmt_w, fmt_y = (
        None if name == "fmt_y" and raw else _format(description, name)
        for name in ("fmt_a", "fmt_w", "fmt_y")
    )
    rounding, clamp = entry(description, "rounding"), entry(description, "clamp")
    check_rounding(rounding)
    if raw and (rounding, clamp) != ("rne", None):
        raise ValueError(
            f"rounding {rounding!r} and clamp {clamp!r} with binary32 results: rne and none only"
        )
    if clamp is not None:
        clamp = whole_number(description, "clamp", 0, fmt_y.max_code)
    return Configuration(fmt_a, fmt_w, fmt_y, rounding, clamp)


def _format(description: Mapping[str, object], name: str) -> Format:
    text = entry(description, name)
    if not isinstance(text, str):
        raise ValueError(f"{name} {text!r}: a format is written like 's1e4f3b7'")
    try:
        fmt = Format.parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if not LEAST_BIAS <= fmt.bias <= GREATEST_BIAS:
        raise ValueError(f"{name} {fmt}: a bias is {LEAST_BIAS} to {GREATEST_BIAS}")
    return fmt


def _check_operands(arrays: Mapping[str, np.ndarray]) -> None:
    """Check codes, start values and biases of w, and that they belong together."""
    for name in ("a_codes", "w_codes"):
        codes = arrays[name]
        if codes.dtype != np.uint8 or codes.ndim != 2 or not codes.size:
            raise ValueError(
                f"{name} is {codes.dtype} of shape {codes.shape}, a matrix of uint8 is wanted,"
                " at least one row and column"
            )
    (k, n), terms = arrays["w_codes"].shape, arrays["a_codes"].shape[1]
    if terms % k or n % (terms // k):
        raise ValueError(
            f"a_codes of shape {arrays['a_codes'].shape} and w_codes of shape {(k, n)}: one group"
            " is (M, K) and (K, N), of several each has as many columns"
        )
    _check_array(arrays, "start", np.float32, (n,))
    biases = arrays["biases_w"]
    if biases.dtype.kind not in "iu" or biases.shape != (n,):
        raise ValueError(
            f"biases_w is {biases.dtype} of shape {biases.shape}, integers of shape ({n},) are"
            " wanted"
        )
    if biases.min() < LEAST_BIAS or biases.max() > GREATEST_BIAS:
        raise ValueError(
            f"biases_w are {biases.min()} to {biases.max()}, a bias is {LEAST_BIAS} to"
            f" {GREATEST_BIAS}"
        )


def _check_results(arrays: Mapping[str, np.ndarray], configuration: Configuration) -> None:
    shape = len(arrays["a_codes"]), arrays["w_codes"].shape[1]
    _check_array(arrays, "expected", np.uint8 if configuration.fmt_y else np.uint32, shape)
    _check_array(arrays, "flags", np.uint8, shape)
    if arrays["flags"].max() > ALL_FLAGS:
        raise ValueError(
            f"flags up to {arrays['flags'].max()}: three bits, 0 to {ALL_FLAGS}, exist"
        )


def _check_array(
    arrays: Mapping[str, np.ndarray], name: str, dtype: type, shape: tuple[int, ...]
) -> None:
    values = arrays[name]
    if values.dtype != dtype or values.shape != shape:
        raise ValueError(
            f"{name} is {values.dtype} of shape {values.shape}, {np.dtype(dtype)} of shape {shape}"
            " is wanted"
        )
