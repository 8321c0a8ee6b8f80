"""Reads a tile that a replay saved at a mismatch: a product of one tile, and its engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from model import ACCUMULATORS, accumulator_width
from verif.replay.build import Build
from verif.replay.legal import LEGAL
from verif.replay.product import Product
from verif.replay.product_file import entry, load_product, whole_number


def read_tile(path: Path) -> tuple[Product, Build]:
    """Read a tile and the parameters of the engine that it was streamed through.

    Raises
    ------
    ValueError
        If the file is no product, see `load_product`, the engine's parameters are missing or not
        legal, or the engine takes no such tile: it is too large, or formats, lengths or start
        values are beyond the build.
    """
    product, description = load_product(path)
    try:
        build = _build(description)
        _check_tile(product, build)
        width = accumulator_width(build.exp_max, build.k_max)
        product.tile((0, 0), build.shape).expected(width, build.accumulator)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return product, build


def _build(description: Mapping[str, object]) -> Build:
    numbers = {name: whole_number(description, name, *limits) for name, limits in LEGAL.items()}
    accumulator = entry(description, "accumulator")
    if accumulator not in ACCUMULATORS:
        raise ValueError(f"accumulator {accumulator!r}: choose {' or '.join(ACCUMULATORS)}")
    return Build(**numbers, accumulator=accumulator)


def _check_tile(product: Product, build: Build) -> None:
    """Check that a product is one tile, of formats and a length that the build holds."""
    configuration = product.configuration
    for name in ("fmt_a", "fmt_w", "fmt_y"):
        fmt = getattr(configuration, name)
        if fmt and fmt.exponent > build.exp_max:
            raise ValueError(
                f"{name} {fmt}: {fmt.exponent} exponent bits, this engine holds {build.exp_max}"
            )
    (rows, terms), (k, columns) = product.a_codes.shape, product.w_codes.shape
    if (terms, product.together) != (k, 1):
        raise ValueError(
            f"{product.groups} groups, {product.together} of them together: a tile is of one group"
        )
    for what, count, most in (
        ("rows", rows, build.rows),
        ("columns", columns, build.cols),
        ("products in a sum", k, build.k_max),
    ):
        if count > most:
            raise ValueError(f"{count} {what}: a tile of this engine has 1 to {most}")
