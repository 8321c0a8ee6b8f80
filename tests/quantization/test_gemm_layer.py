"""Grouped layers against exact sums, output by output."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from model import ACCUMULATORS, ROUNDINGS, Format, dot, gemm, supported_splits
from model.arithmetic.binary32 import encode_binary32
from model.arithmetic.products import grouped_gemm
from model.graph.network import Relu, Window
from model.quantization.gemm_layer import GemmLayer
from model.quantization.grouping import group_parts
from tests.arithmetic.judged_products import random_codes, small_blocks

SHAPES = [  # groups, products of a sum, columns of a group
    (1, 5, 7),
    (2, 6, 5),
    (7, 4, 1),
    (24, 9, 1),
    (20, 3, 2),
    (3, 2, 20),
]
PRODUCTS = [  # groups, products of a sum, columns of a group, rows
    (1, 30, 17, 21),
    (2, 16, 5, 21),
    (9, 9, 1, 70),
    (70, 9, 1, 9),
    (20, 3, 2, 5),
    (3, 2, 20, 3),
    (4, 1, 1, 1),
    (3, 0, 2, 2),
]


def grouped_layer(rng: np.random.Generator, shape: tuple[int, int, int], raw: bool) -> GemmLayer:
    """Make a fully connected layer of groups, which reads (groups * K) values."""
    groups, k, width = shape
    n = groups * width
    layer = GemmLayer(
        name="layer",
        inputs=("x",),
        output="y",
        input_shape=(groups * k,),
        output_shape=(n,),
        operator="Gemm",
        window=None,
        fmt_a=Format(0, 3, 5, 4),
        fmt_w=Format(1, 3, 4, 0),
        biases_w=rng.integers(3, 6, n),
        w_codes=rng.integers(0, 256, (k, n), np.uint8),
        start=rng.standard_normal(n).astype(np.float32),
        fmt_y=None,
        groups=groups,
    )
    if raw:
        return layer
    return replace(layer, fmt_y=Format(1, 3, 4, 0), rounding="rup", clamp=0x70)


def expected_results(
    layer: GemmLayer, a_codes: np.ndarray, accumulator: str
) -> tuple[np.ndarray, np.ndarray]:
    """Compute each output by itself, from its group's products alone."""
    kind = np.uint32 if layer.fmt_y is None else np.uint8
    codes = np.empty((len(a_codes), layer.n), kind)
    flags = np.empty(codes.shape, np.uint8)
    for column in range(layer.n):
        group = column // (layer.n // layer.groups)
        terms = slice(group * layer.k, (group + 1) * layer.k)
        for row, activations in enumerate(a_codes[:, terms]):
            total = dot(
                activations,
                layer.w_codes[:, column],
                layer.fmt_a,
                replace(layer.fmt_w, bias=int(layer.biases_w[column])),
                float(layer.start[column]),
                accumulator,
            )
            value = np.array([float(total)])
            if layer.fmt_y is None:
                results = encode_binary32(value, np.int64(0))
            else:
                results = layer.fmt_y.encode_flags(value, layer.rounding, layer.clamp)
            codes[row, column], flags[row, column] = (result[0] for result in results)
    return codes, flags


@pytest.mark.parametrize("accumulator", ["exact", "binary32"])
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_output_by_itself(rng, shape, raw, accumulator):
    layer = grouped_layer(rng, shape, raw)
    a_codes = rng.integers(0, 256, (8, layer.groups * layer.k), np.uint8)
    codes, flags = layer.compute(a_codes, accumulator)
    expected_codes, expected_flags = expected_results(layer, a_codes, accumulator)
    assert codes.dtype == expected_codes.dtype
    np.testing.assert_array_equal(codes, expected_codes)
    np.testing.assert_array_equal(flags, expected_flags)
    assert len(np.unique(codes)) > 10


@pytest.mark.parametrize("together", [1, 2, 5, 100])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_parts_cover_every_column_once(rng, shape, together):
    """And each weight is in its own place, with zeros elsewhere."""
    groups, k, width = shape
    codes = rng.integers(1, 256, (k, groups * width), np.uint8)
    columns, terms = [], []
    for part in group_parts(codes.shape, groups, together):
        columns += range(codes.shape[1])[part.columns]
        terms += range(groups * k)[part.terms]
        dense = part.weights(codes)
        assert dense.shape == (part.groups * k, part.groups * width)
        assert 1 <= part.groups <= together
        for group in range(part.groups):
            rows = slice(group * k, (group + 1) * k)
            own = slice(group * width, (group + 1) * width)
            first = part.columns.start + group * width
            np.testing.assert_array_equal(dense[rows, own], codes[:, first : first + width])
        assert np.count_nonzero(dense) == k * part.groups * width
    assert columns == list(range(groups * width))
    assert terms == list(range(groups * k))


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_convolution_groups_are_channels_in_order(rng, groups):
    """A grouped convolution, patches and all, against one of each group's own channels."""
    window = Window((2, 3), strides=(2, 1), pads=(1, 0, 0, 1))
    k, n = 6 // groups * 6, 12
    height, width = window.output_size(5, 6)
    layer = replace(
        grouped_layer(rng, (groups, k, n // groups), False),
        operator="Conv",
        window=window,
        input_shape=(6, 5, 6),
        output_shape=(n, height, width),
    )
    images = rng.integers(0, 256, (3, 6, 5, 6), np.uint8)
    answers = layer.fold(layer.compute(layer.im2col(images))[0])
    assert answers.shape == (3, n, height, width)
    for group in range(groups):
        columns = slice(group * n // groups, (group + 1) * n // groups)
        alone = replace(
            layer,
            groups=1,
            w_codes=layer.w_codes[:, columns],
            biases_w=layer.biases_w[columns],
            start=layer.start[columns],
            output_shape=(n // groups, height, width),
        )
        channels = images[:, group * 6 // groups : (group + 1) * 6 // groups]
        expected = alone.fold(alone.compute(alone.im2col(channels))[0])
        np.testing.assert_array_equal(answers[:, columns], expected)


@pytest.mark.parametrize("text", ["s1e3f4b2", "s0e3f5b2", None])
def test_rectified_results(rng, text):
    """Whichever format results have, none is negative; without an activation some are."""
    fmt_y = text and Format.parse(text)
    layer = replace(grouped_layer(rng, (2, 6, 5), True), fmt_y=fmt_y)
    results, _ = layer.compute(rng.integers(0, 256, (9, 12), np.uint8))

    def values(activation: Relu | None) -> np.ndarray:
        folded = replace(layer, activation=activation).fold(results)
        return fmt_y.decode(folded) if fmt_y else folded

    assert (values(None).min() < 0) == (text != "s0e3f5b2")
    np.testing.assert_array_equal(values(Relu()), np.maximum(values(None), 0))
    assert values(Relu()).max() > 0


def random_grouped(rng, groups: int, depth: int, columns: int, rows: int, exp_max: int):
    """Return operands in formats of up to so many exponent bits, and how to encode the results."""
    splits = supported_splits(exp_max)
    split_a, split_w, split_y = (splits[place] for place in rng.integers(len(splits), size=3))
    a, w = random_codes(rng, rows, groups * depth), random_codes(rng, depth, groups * columns)
    fmt_a = Format(*split_a, int(rng.integers(-9, 9)))
    fmts_w = [Format(*split_w, int(bias)) for bias in rng.integers(-9, 9, groups * columns)]
    middle = fmt_a.unit_exponent + fmts_w[0].unit_exponent if fmts_w else 0
    start = np.ldexp(rng.normal(size=groups * columns), middle + int(rng.integers(0, 20)))
    fmt_y = Format(*split_y, int(rng.integers(-5, 5)) - middle)
    rounding = ROUNDINGS[rng.integers(len(ROUNDINGS))]
    clamp = [None, int(rng.integers(fmt_y.max_code + 1))][rng.integers(2)]
    how = (fmt_y, rounding, clamp) if rng.random() < 0.8 else (None, "rne", None)
    return (a, w), (fmt_a, fmts_w, start.astype(np.float32)), how


@pytest.mark.parametrize("accumulator", ACCUMULATORS)
@pytest.mark.parametrize(("shape", "exp_max"), list(product(PRODUCTS, (3, 5, 8))), ids=str)
def test_each_group_by_itself(shape, exp_max, accumulator, rng, monkeypatch):
    """A group's results are those of the product of its own terms and columns, bit for bit."""
    groups, depth, columns, rows = shape
    flags_seen = 0
    for _ in range(6):
        (a, w), (fmt_a, fmts_w, start), (fmt_y, *how) = random_grouped(rng, *shape, exp_max)
        whole = grouped_gemm(a, w, groups, fmt_a, fmts_w, start, fmt_y, accumulator, *how)
        with monkeypatch.context() as patch:
            small_blocks(patch)
            pieces = grouped_gemm(a, w, groups, fmt_a, fmts_w, start, fmt_y, accumulator, *how)
        for group in range(groups):
            terms = slice(group * depth, (group + 1) * depth)
            own = slice(group * columns, (group + 1) * columns)
            operands = a[:, terms], w[:, own], fmt_a, fmts_w[own], start[own]
            expected = gemm(*operands, fmt_y, accumulator, *how)
            for result, same, piece in zip(whole, expected, pieces, strict=True):
                assert result.dtype == same.dtype
                np.testing.assert_array_equal(result[:, own], same)
                np.testing.assert_array_equal(piece[:, own], same)
        flags_seen |= int(np.bitwise_or.reduce(whole[1], axis=None))
    assert flags_seen or depth == 0


@pytest.mark.parametrize(
    ("groups", "width", "message"),
    [
        (2, 4, r"a_codes \(2, 4\) and w_codes \(3, 4\): \(M, 2 \* K\) and \(K, N\)"),
        (3, 9, "3 groups of 4 columns: not of one size"),
        (0, 0, "0 groups of 4 columns"),
    ],
)
def test_groups_that_do_not_fit(groups, width, message):
    fmt = Format(1, 4, 3, 7)
    a, w = np.zeros((2, width), np.uint8), np.zeros((3, 4), np.uint8)
    with pytest.raises(ValueError, match=message):
        grouped_gemm(a, w, groups, fmt, fmt, 0.0, fmt)
