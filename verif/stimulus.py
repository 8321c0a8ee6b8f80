"""Random operands and configurations, drawn so that results land everywhere in their range."""

from __future__ import annotations

import numpy as np

from model import ROUNDINGS, Format, supported_splits
from verif.tile import Configuration, Tile

BIAS_MIN, BIAS_MAX = -128, 127  # what the registers hold


def random_bias(generator: np.random.Generator) -> int:
    """Draw an exponent bias: mostly moderate, sometimes anything, sometimes an extreme."""
    kind = generator.random()
    if kind < 0.1:
        return int(generator.choice([BIAS_MIN, BIAS_MAX]))
    spread = 128 if kind < 0.3 else 20
    return int(generator.integers(-spread, spread))


def random_format(generator: np.random.Generator, exp_max: int, bias: int | None = None) -> Format:
    """Draw a format that a build of `exp_max` holds."""
    splits = supported_splits(exp_max)
    split = splits[generator.integers(len(splits))]
    return Format(*split, random_bias(generator) if bias is None else bias)


def random_codes(generator: np.random.Generator, fmt: Format, shape: tuple[int, ...]) -> np.ndarray:
    """Draw codes (shape) uint8 of one style: any, many zeros, extremes only, or zeros only."""
    codes = generator.integers(0, 256, shape, dtype=np.uint8)
    style = generator.random()
    if style < 0.5:
        return codes
    if style < 0.8:
        return codes * (generator.random(shape) < 0.5)
    if style < 0.97:
        sign = 0x80 * fmt.sign
        return generator.choice(
            np.array([0, 1, fmt.max_code, sign, sign | fmt.max_code], np.uint8), shape
        )
    return np.zeros(shape, np.uint8)


def random_start(
    generator: np.random.Generator, unit_exponents: np.ndarray, width: int
) -> np.ndarray:
    """Draw start values (N,) float32 that a `width`-bit accumulator takes, up to its edge.

    Parameters
    ----------
    generator
        Source of randomness.
    unit_exponents
        (N,) exponent of the accumulator's unit in each column.
    width
        Accumulator width in bits.
    """
    columns = len(unit_exponents)
    significands = generator.integers(2**23, 2**24, columns)
    places = generator.integers(-28, width - 25, columns)  # of the significand's last bit
    at_edge = generator.random(columns) < 0.1
    places[at_edge] = width - 26
    significands[at_edge] = 2**24 - 1
    exponents = unit_exponents + places
    fits = (exponents >= -149) & (exponents <= 104) & (generator.random(columns) < 0.8)
    values = np.ldexp(significands.astype(np.float64), np.where(fits, exponents, 0))
    signs = generator.choice([-1.0, 1.0], columns)
    # -2^(width - 2) is the one value whose magnitude no positive one has
    edge = np.flatnonzero(at_edge & fits & (generator.random(columns) < 0.5) & (exponents < 104))
    values[edge] = np.ldexp(1.0, exponents[edge] + 24)
    signs[edge] = -1.0
    return np.where(fits, signs * values, 0.0).astype(np.float32)


def matching_bias(generator: np.random.Generator, fmt_y: Format, value_exponent: int) -> int:
    """Draw a bias that puts 2^value_exponent into a format's range, or just out of it."""
    target = int(generator.integers(-2, 2**fmt_y.exponent + 2))
    return int(np.clip(target - value_exponent, BIAS_MIN, BIAS_MAX))


def random_tile(
    generator: np.random.Generator, shape: tuple[int, int], k: int, exp_max: int, width: int
) -> Tile:
    """Draw a tile of random formats and operands.

    Parameters
    ----------
    generator
        Source of randomness.
    shape
        ROWS and COLS.
    k
        Length of the sums.
    exp_max, width
        What the build holds.
    """
    rows, cols = shape
    fmt_a, fmt_w = random_format(generator, exp_max), random_format(generator, exp_max)
    a_codes = random_codes(generator, fmt_a, (rows, k))
    w_codes = random_codes(generator, fmt_w, (k, cols))
    spread = generator.integers(-3, 4, cols)
    biases = np.clip(fmt_w.bias + spread, BIAS_MIN, BIAS_MAX)
    unit_exponents = fmt_a.unit_exponent + fmt_w.unit_exponent + fmt_w.bias - biases
    start = random_start(generator, unit_exponents, width)

    fmt_y = None
    if generator.random() < 0.85:
        sums = fmt_a.integers(a_codes).astype(float) @ fmt_w.integers(w_codes).astype(float)
        size = int(np.log2(max(np.abs(sums).max(), 1)))
        fmt_y = random_format(generator, exp_max, 0)
        bias = matching_bias(generator, fmt_y, size + int(unit_exponents[0]))
        fmt_y = Format(fmt_y.sign, fmt_y.exponent, fmt_y.fraction, bias)
    rounding = str(generator.choice(ROUNDINGS)) if fmt_y else "rne"
    clamp = None
    if fmt_y and generator.random() < 0.3:
        clamp = int(generator.integers(0, fmt_y.max_code + 1))
    configuration = Configuration(fmt_a, fmt_w, fmt_y, rounding, clamp)
    return Tile(configuration, a_codes, w_codes, start, biases)
