"""Products of two activations against exact sums, matrix by matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model import Format, dot
from model.arithmetic.binary32 import encode_binary32
from model.graph.importing.network import load_network
from model.graph.network import Product, Relu
from model.quantization.gemm_layer import GemmLayer
from model.quantization.product_layer import ProductLayer
from model.quantization.quantized import QuantizedNetwork
from model.quantization.steps import quantize_network
from tests.graph.mixed_networks import mixed_network
from tests.graph.tiny_networks import normal, operator, write_network

SHAPES = {  # of an image: the first operand, and the second
    "one matrix": ((3, 4), (4, 5)),
    "heads": ((2, 3, 4), (2, 4, 5)),
    "two leading axes": ((2, 3, 2, 6), (2, 3, 6, 1)),
    "one second for all": ((3, 2, 4), (1, 4, 3)),
    "one first for all": ((1, 2, 4), (3, 4, 3)),
    "one of each": ((2, 1, 3, 4), (1, 3, 4, 2)),
}


def product_layer(shapes: tuple[tuple[int, ...], tuple[int, ...]], raw: bool) -> ProductLayer:
    """Make a layer of formats that differ in everything."""
    first, second = shapes
    leading = np.broadcast_shapes(first[:-2], second[:-2])
    return ProductLayer(
        name="product",
        inputs=("a", "b"),
        output="y",
        input_shape=first,
        second_shape=second,
        output_shape=(*leading, first[-2], second[-1]),
        fmt_a=Format(0, 3, 5, 4),
        fmt_b=Format(1, 2, 5, -3),
        fmt_y=None if raw else Format(1, 4, 3, 6),
        activation=None if raw else Relu(),
        rounding="rne" if raw else "rdn",
    )


@pytest.mark.parametrize("accumulator", ["exact", "binary32"])
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_every_output_by_itself(rng, shapes, raw, accumulator):
    layer = product_layer(shapes, raw)
    first, second = (rng.integers(0, 256, (2, *shape), np.uint8) for shape in shapes)
    bound, codes = layer.bind(first, second)
    output = layer.fold(bound, bound.multiply(codes, accumulator)[0])
    assert output.shape == (2, *layer.output_shape)
    full = (2, *layer.output_shape[:-2])
    first, second = (np.broadcast_to(one, full + one.shape[-2:]) for one in (first, second))
    for *where, row, column in np.ndindex(output.shape):
        terms = first[*where, row], second[*where, :, column]
        total = dot(*terms, layer.fmt_a, layer.fmt_b, accumulator=accumulator)
        value = np.array([float(total)])
        if raw:
            expected = encode_binary32(value, np.int64(0))[0].view(np.float32)
        else:
            expected = np.maximum(layer.fmt_y.encode(value, "rdn").astype(np.int8), 0)
        assert output[*where, row, column] == expected[0], (where, row, column)
    assert len(np.unique(output)) > 3


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_the_shape_is_known_before_the_codes(rng, shapes):
    layer = product_layer(shapes, False)
    operands = (rng.integers(0, 256, (3, *shape), np.uint8) for shape in shapes)
    bound, codes = layer.bind(*operands)
    shaped = layer.shaped(3)
    for name in ("input_shape", "output_shape", "groups", "matrices", "k", "n", "rows", "macs"):
        assert getattr(bound, name) == getattr(shaped, name)
    assert codes.shape == (1, *shaped.input_shape) and not shaped.w_codes.any()
    assert bound.macs == 3 * int(np.prod(layer.output_shape)) * shapes[0][-1]


@pytest.fixture
def attentive(tmp_path: Path, seed: int) -> tuple[QuantizedNetwork, np.ndarray]:
    """Return an attention network on codes, and images."""
    network = load_network(mixed_network(tmp_path / "net.onnx", "attentive", seed % 1000))
    images = normal(seed, 6, *network.input_shape, scale=1.0)
    return quantize_network(network, images), images


def test_attention_has_formats_of_its_own_and_images_stay_apart(attentive):
    quantized, images = attentive
    products = [node for node in quantized.nodes if isinstance(node, ProductLayer)]
    scores, mixed = products
    assert scores.fmt_y is None and mixed.fmt_y is not None  # the first goes on in float
    assert [(one.fmt_a, one.fmt_b) for one in products] == [
        tuple(quantized.formats[name] for name in one.inputs) for one in products
    ]
    assert mixed.fmt_a.sign == 0 and scores.fmt_a != scores.fmt_b
    together = quantized.run(images)
    alone = np.concatenate([quantized.run(images[index : index + 1]) for index in range(6)])
    np.testing.assert_array_equal(together, alone)


def test_attention_against_plain_arithmetic(attentive):
    """Sums of so few products of so few bits are exact in float64."""
    quantized, images = attentive
    seen = []

    def plain(layer: GemmLayer, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(layer.name)
        if not layer.matrices:
            return layer.multiply(codes)
        groups, k = layer.groups, layer.k
        a = layer.fmt_a.decode(codes[0]).reshape(-1, groups, k).transpose(1, 0, 2)
        w = layer.fmts_w[0].decode(layer.w_codes).reshape(k, groups, -1).transpose(1, 0, 2)
        sums = (a @ w).transpose(1, 0, 2).reshape(len(codes[0]), -1)
        if layer.fmt_y is None:
            return sums.astype(np.float32).view(np.uint32), np.zeros(sums.shape, np.uint8)
        return layer.fmt_y.encode_flags(sums)

    assert np.array_equal(quantized.run(images, plain), quantized.run(images))
    assert seen == [layer.name for layer in quantized.on_array()]


@pytest.mark.parametrize(
    ("operators", "constants", "is_product"),
    [
        ([operator("MatMul", "x t", "y")], {}, True),
        ([operator("ReduceMean", "t", "m", axes=[1]), operator("MatMul", "x m", "y")], {}, True),
        (
            [
                operator("ReduceMean", "t", "m", axes=[1], keepdims=0),
                operator("Unsqueeze", "m axis", "u"),
                operator("Squeeze", "u axis", "s"),
                operator("MatMul", "x s", "y"),
            ],
            {"axis": np.array([1])},
            None,
        ),
    ],
    ids=["equal", "broadcast", "of different rank"],
)
def test_what_is_a_product_of_an_image(tmp_path, operators, constants, is_product):
    """Behind a rank that differs, the images of one operand stand against channels of the other."""
    transposed = [operator("Transpose", "x", "t", perm=[0, 1, 3, 2]), *operators]
    path = write_network(tmp_path / "net.onnx", transposed, constants)
    if is_product is None:
        with pytest.raises(ValueError, match="MatMul"):
            load_network(path)
        return
    last = load_network(path).nodes[-1]
    assert isinstance(last, Product) == is_product


def test_long_sums_of_products_want_a_deep_engine(tmp_path):
    operators = [operator("Transpose", "x", "t", perm=[0, 2, 1]), operator("MatMul", "x t", "y")]
    network = load_network(write_network(tmp_path / "net.onnx", operators, {}, ("N", 2, 9000)))
    assert [network.depth(node) for node in network.on_array] == [9000]
    images = normal(1, 2, 2, 9000)
    assert quantize_network(network, images).k_max == 16384
    with pytest.raises(ValueError, match="layer 'node_y' sums 9000 products, this build at most"):
        quantize_network(network, images, k_max=8192)
