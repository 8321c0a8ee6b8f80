"""Choice of a format for one tensor, or for the columns of one, by brute force."""

import numpy as np
import pytest

from model import Format, start_integer, supported_splits
from model.quantization.selection import (
    BIAS_MAX,
    BIAS_MIN,
    select_column_formats,
    select_format,
    start_bias_limits,
)
from tests.graph.tiny_networks import normal

BIASES = np.arange(BIAS_MIN, BIAS_MAX + 1)


def squared_errors(column: np.ndarray, split: tuple[int, int, int]) -> np.ndarray:
    """Squared error of a column at each of the 256 biases."""
    fmt = Format(*split, 0)
    codes, _ = fmt.encode_scaled(column, BIASES[:, np.newaxis])
    values = np.ldexp(fmt.decode(codes), -BIASES[:, np.newaxis])
    return np.square(values - column).sum(axis=1)


def brute_force(values: np.ndarray, exp_max: int, limit: int = BIAS_MAX) -> float:
    """Least squared error of any split with the best bias, up to a limit, of each column."""
    return min(
        sum(squared_errors(column, split)[: limit - BIAS_MIN + 1].min() for column in values.T)
        for split in supported_splits(exp_max)
        if split[0] or not (values < 0).any()
    )


def tensors(seed: int) -> dict[str, np.ndarray]:
    """Tensors of many kinds, (50,) each."""
    random = np.random.default_rng(seed)
    values = random.standard_normal(50)
    return {
        "normal": values,
        "positive": np.abs(values),
        "sparse": np.maximum(values, 0) * (random.random(50) < 0.3),
        "heavy tail": values * np.exp(2 * random.standard_normal(50)),
        "outlier": np.append(values[1:], 300),
        "tiny": values * 2.0**-140,
        "huge": values * 2.0**140,
        "constant": np.full(50, -0.3),
        "integers": random.integers(-127, 128, 50) / 1.0,
        "zero": np.zeros(50),
        "nearly one": np.full(50, 0.999),
        "worth saturating": np.append(np.full(12, 0.5), 129),
    }


@pytest.mark.parametrize(
    ("kind", "exp_max"),
    [
        *((kind, 8) for kind in tensors(0)),
        ("normal", 3),
        ("positive", 4),
        *((kind, 0) for kind in list(tensors(0))[-2:]),
    ],
)
def test_selected_format_is_of_least_error(seed, kind, exp_max):
    values = tensors(seed)[kind]
    fmt = select_format(values, supported_splits(exp_max))
    assert fmt.exponent <= exp_max and BIAS_MIN <= fmt.bias <= BIAS_MAX
    assert fmt.sign == (values < 0).any()
    error = np.square(fmt.decode(fmt.encode(values)) - values).sum()
    assert error == pytest.approx(brute_force(values[:, None], exp_max), rel=1e-12)


@pytest.mark.parametrize("limit", [BIAS_MAX, 3])
def test_column_formats_are_of_least_error(seed, limit):
    kinds = tensors(seed)
    values = np.stack([kinds[kind] for kind in ("normal", "heavy tail", "outlier", "zero")], 1)
    values *= [1, 2.0**-9, 2.0**5, 1]
    limits = {fraction: np.full(4, limit) for fraction in range(9)}
    chosen = select_column_formats(values, supported_splits(4), limits)
    assert (chosen.biases <= limit).all() and (limit > 3 or (chosen.biases == 3).any())
    assert chosen.error == pytest.approx(brute_force(values, 4, limit), rel=1e-12)
    split = chosen.fmt.sign, chosen.fmt.exponent, chosen.fmt.fraction
    for column, codes, bias in zip(
        values.T, chosen.encode(values).T, chosen.biases.tolist(), strict=True
    ):
        assert np.array_equal(codes, Format(*split, bias).encode(column))


def test_column_of_zeros_takes_another_columns_bias():
    values = np.zeros((4, 3))
    assert select_column_formats(values, supported_splits(4)).biases.tolist() == [0, 0, 0]
    values[:, 1] = 0.01
    biases = select_column_formats(values, supported_splits(4)).biases
    assert biases[0] == biases[1] == biases[2] > 0


@pytest.mark.parametrize("width", [18, 26, 52])
def test_start_limit_is_the_last_that_fits(seed, width):
    start = normal(seed, 400) * np.exp2(np.arange(400) % 60 - 30).astype(np.float32)
    start[:3] = 0, 1 - 2.0**-24, -(1 - 2.0**-24)
    fmt_a, fraction = Format(0, 3, 5, 6), 4
    limits = start_bias_limits(start, fmt_a, fraction, width)
    assert limits[0] == BIAS_MAX and (limits[1:] < BIAS_MAX).any()
    for value, limit in zip(np.abs(start), limits.tolist(), strict=True):
        grid = fmt_a.unit_exponent + Format(1, 3, 4, limit).unit_exponent
        start_integer(value, grid, width)
        if limit < BIAS_MAX:
            with pytest.raises(ValueError, match="accumulator"):
                start_integer(value, grid - 1, width)
