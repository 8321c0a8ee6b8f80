"""Spell a ConvTranspose as the convolution that it is.

At an output position only every ``stride``-th weight counts. Positions with the same weights are a
channel of their own of a plain convolution; the channels are then laid out side by side, and what
sticks out is cut off. Activations and normalizations behind it stay behind the convolution.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx

from .builder import attributes
from .rewriting import Graph

FOLLOWING = frozenset(("BatchNormalization", "Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh"))
"""What works on each position alone, with a constant for each channel or for all."""


def plain_convolutions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same function without a ConvTranspose in two dimensions and without dilation.

    Parameters
    ----------
    model
        A resolved model: see `model.graph.importing.resolution.resolve`.
    """
    if not any(node.op_type == "ConvTranspose" for node in model.graph.node):
        return model
    graph = Graph(model)
    readers = Counter(name for node in model.graph.node for name in node.input)
    readers.update(output.name for output in model.graph.output)
    following = {node.input[0]: node for node in model.graph.node if node.op_type in FOLLOWING}
    moved: set[str] = set()
    for node in model.graph.node:
        if node.output[0] in moved:
            continue
        if not _is_plain(node, graph):
            graph.nodes.append(node)
            continue
        chain, last = [], node.output[0]
        while readers[last] == 1 and last in following and _by_channel(following[last], graph):
            chain.append(following[last])
            last = following[last].output[0]
        moved.update(one.output[0] for one in chain)
        _spell_out(node, chain, graph)
    return graph.finished()


def _is_plain(node: onnx.NodeProto, graph: Graph) -> bool:
    if node.op_type != "ConvTranspose" or graph.constant(node.input[1]) is None:
        return False
    settings = attributes(node)
    sizes = [graph.dimensions.get(name, ()) for name in (node.input[0], node.output[0])]
    known = all(len(size) == 4 and all(isinstance(n, int) for n in size[1:]) for size in sizes)
    biased = len(node.input) < 3 or graph.constant(node.input[2]) is not None
    return known and biased and set(settings.get("dilations", (1, 1))) == {1}


def _by_channel(node: onnx.NodeProto, graph: Graph) -> bool:
    constants = [graph.constant(name) for name in node.input[1:] if name]
    if any(value is None for value in constants):
        return False
    return node.op_type == "BatchNormalization" or all(value.size == 1 for value in constants)


def _spell_out(node: onnx.NodeProto, chain: list[onnx.NodeProto], graph: Graph) -> None:
    """Append the convolution, what follows it, and what brings its channels into place."""
    settings = attributes(node)
    name, answer = node.output[0], (chain[-1] if chain else node).output[0]
    weights = graph.constant(node.input[1])
    (batch, _, *size), (_, channels, *wanted) = (
        graph.dimensions[one] for one in (node.input[0], name)
    )
    strides = tuple(settings.get("strides", (1, 1)))
    cut = _cut(settings, size, weights.shape[2:], strides, wanted)
    terms = [
        max(-(-extent // stride), -(-(before + length) // stride) - have + 1)
        for extent, stride, before, length, have in zip(
            weights.shape[2:], strides, cut, wanted, size, strict=True
        )
    ]
    groups = settings.get("group", 1)
    inputs = [
        node.input[0],
        graph.with_constant(f"{name}/weights", _phases(weights, groups, strides, terms)),
    ]
    phases = strides[0] * strides[1]
    if len(node.input) > 2 and node.input[2]:
        bias = np.repeat(graph.constant(node.input[2]), phases)
        inputs.append(graph.with_constant(f"{name}/bias", bias))
    grown = [have + count - 1 for have, count in zip(size, terms, strict=True)]
    shape = [batch, channels * phases, *grown]
    last = graph.with_tensor(f"{name}/phases", shape)
    pads = [terms[0] - 1, terms[1] - 1] * 2
    graph.add("Conv", inputs, last, group=groups, pads=pads, kernel_shape=terms)
    for one in chain:
        following = onnx.NodeProto()
        following.CopyFrom(one)
        following.input[0] = last
        last = following.output[0] = graph.with_tensor(f"{one.output[0]}/phases", shape)
        if one.op_type == "BatchNormalization":
            for index, parameter in enumerate(one.input[1:], 1):
                repeated = np.repeat(graph.constant(parameter), phases)
                following.input[index] = graph.with_constant(f"{last}/{index}", repeated)
        graph.nodes.append(following)
    whole = [length * stride for length, stride in zip(grown, strides, strict=True)]
    cropped = whole != list(wanted)
    placed = graph.with_tensor(f"{answer}/whole", [batch, channels, *whole]) if cropped else answer
    _lay_out(last, placed, graph, (channels, *grown), strides)
    if cropped:
        ends = [before + length for before, length in zip(cut, wanted, strict=True)]
        about = {"starts": list(cut), "ends": ends, "axes": [2, 3]}
        limits = [
            graph.with_constant(f"{answer}/{key}", np.array(value)) for key, value in about.items()
        ]
        graph.add("Slice", [placed, *limits], answer)


def _cut(
    settings: dict[str, object],
    size: list[int],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    wanted: list[int],
) -> tuple[int, int]:
    """Return how many rows and columns are cut off at the top and at the left."""
    automatic = settings.get("auto_pad", b"NOTSET").decode()
    if automatic in ("NOTSET", "") and "output_shape" not in settings:
        top, left, *_ = settings.get("pads", (0, 0, 0, 0))
        return top, left
    if automatic == "VALID":
        return 0, 0
    extra = settings.get("output_padding", (0, 0))
    totals = [
        stride * (have - 1) + more + extent - length
        for stride, have, more, extent, length in zip(
            strides, size, extra, kernel, wanted, strict=True
        )
    ]
    upper = automatic == "SAME_UPPER"
    top, left = (max(total, 0) // 2 if upper else -(-max(total, 0) // 2) for total in totals)
    return top, left


def _phases(
    weights: np.ndarray, groups: int, strides: tuple[int, ...], terms: list[int]
) -> np.ndarray:
    """Return the weights of the convolution, (channels * phases, inputs of a group, rows, columns).

    Parameters
    ----------
    weights
        (inputs, channels of a group, rows, columns), as a ConvTranspose has them.
    """
    inputs, channels, *kernel = weights.shape
    padded = np.zeros(
        (inputs, channels, terms[0] * strides[0], terms[1] * strides[1]), weights.dtype
    )
    padded[:, :, : kernel[0], : kernel[1]] = weights
    split = padded.reshape(
        groups, inputs // groups, channels, terms[0], strides[0], terms[1], strides[1]
    )[:, :, :, ::-1, :, ::-1]
    ordered = split.transpose(0, 2, 4, 6, 1, 3, 5)
    return ordered.reshape(-1, inputs // groups, *terms)


def _lay_out(
    source: str, result: str, graph: Graph, grown: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    """Append what makes an image of channels that are every so many positions of it."""
    channels, height, width = grown
    if strides[0] == strides[1]:
        if strides[0] == 1:
            graph.add("Identity", [source], result)
        else:
            graph.add("DepthToSpace", [source], result, blocksize=strides[0], mode="CRD")
        return
    batch = graph.dimensions[source][0]
    apart = [batch, channels, *strides, height, width]
    together = [batch, channels, height, strides[0], width, strides[1]]
    whole = [channels, height * strides[0], width * strides[1]]
    for kind, shape, attribute in (
        ("apart", apart, apart[1:]), ("together", together, None), ("", None, whole),
    ):  # fmt: skip
        target = graph.with_tensor(f"{result}/{kind}", shape) if shape else result
        if attribute is None:
            graph.add("Transpose", [source], target, perm=[0, 1, 4, 2, 5, 3])
        else:
            sizes = graph.with_constant(f"{target}/shape", np.array([0, *attribute]))
            graph.add("Reshape", [source, sizes], target)
        source = target
