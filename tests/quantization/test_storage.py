"""Which tensors are kept as codes of their own, passed on, or kept as numbers."""

from pathlib import Path

import pytest

from model.graph.importing.network import load_network
from model.graph.network import Network
from model.quantization.storage import plan_storage
from tests.graph.tiny_networks import Operator, norm_parameters, normal, operator, write_network

PADDED = {"pads": [1, 1, 1, 1]}
CONSTANTS = {
    "w": normal(1, 4, 2, 3, 3),
    "u": normal(2, 4, 4, 3, 3),
    "d": normal(3, 4 * 8 * 9, 3),
    **norm_parameters(4, 4, "n"),
    **norm_parameters(5, 2, "m"),
}
NORM = "n_gamma n_beta n_mean n_variance"
FIRST = operator("Conv", "x w", "c", **PADDED)

CASES = {
    "a rectified result": (
        [FIRST, operator("Relu", "c", "r"), operator("Conv", "r u", "y")],
        ("x", "r"),
        {},
        {"y"},
    ),
    "an activation in float": (
        [FIRST, operator("HardSwish", "c", "h"), operator("Conv", "h u", "y")],
        ("x", "h"),
        {},
        {"c", "y"},
    ),
    "a chain of activations in float": (
        [
            FIRST,
            operator("Tanh", "c", "t"),
            operator("HardSwish", "t", "h"),
            operator("Conv", "h u", "y"),
        ],
        ("x", "h"),
        {},
        {"c", "t", "y"},
    ),
    "a normalization that padding keeps": (
        [
            FIRST,
            operator("Relu", "c", "r"),
            operator("BatchNormalization", f"r {NORM}", "b"),
            operator("Conv", "b u", "y", **PADDED),
        ],
        ("x", "b"),
        {},
        {"r", "y"},
    ),
    "read element by element and by a layer": (
        [
            FIRST,
            operator("HardSwish", "c", "h"),
            operator("Conv", "c u", "e", **PADDED),
            operator("Mul", "h e", "m"),
            operator("Conv", "m u", "y"),
        ],
        ("x", "c", "m"),
        {},
        {"h", "e", "y"},
    ),
    "an input that is normalized": (
        [
            operator("BatchNormalization", "x m_gamma m_beta m_mean m_variance", "b"),
            operator("Conv", "b w", "y", **PADDED),
        ],
        ("b",),
        {},
        {"x", "y"},
    ),
    "an input that is also read by a layer": (
        [
            operator("Sigmoid", "x", "s"),
            operator("Conv", "x w", "c"),
            operator("Conv", "s w", "e"),
            operator("Add", "c e", "y"),
        ],
        ("x", "s", "c", "e", "y"),
        {},
        set(),
    ),
    "values passed on": (
        [
            FIRST,
            operator("MaxPool", "c", "p", kernel_shape=[1, 1]),
            operator("Transpose", "p", "t", perm=[0, 1, 3, 2]),
            operator("Flatten", "t", "f"),
            operator("MatMul", "f d", "y"),
        ],
        ("x", "c"),
        {"p": "c", "t": "c", "f": "c"},
        {"y"},
    ),
    "probabilities": (
        [
            FIRST,
            operator("Flatten", "c", "f"),
            operator("MatMul", "f d", "l"),
            operator("Softmax", "l", "y"),
        ],
        ("x", "c"),
        {"f": "c"},
        {"l", "y"},
    ),
    "an answer that is rectified": (
        [FIRST, operator("Relu", "c", "y")],
        ("x", "y"),
        {},
        set(),
    ),
    "an answer that is flattened": (
        [FIRST, operator("Flatten", "c", "y")],
        ("x",),
        {},
        {"c", "y"},
    ),
    "an answer that is pooled and flattened": (
        [
            FIRST,
            operator("MaxPool", "c", "p", kernel_shape=[2, 2]),
            operator("Flatten", "p", "y"),
        ],
        ("x", "c"),
        {"p": "c", "y": "c"},
        set(),
    ),
    "an answer that is a sum": (
        [FIRST, operator("Conv", "x w", "e", **PADDED), operator("Add", "c e", "y")],
        ("x", "c", "e", "y"),
        {},
        set(),
    ),
    "an answer that another layer reads": (
        [FIRST, operator("Conv", "c u", "e", **PADDED), operator("Add", "c e", "y")],
        ("x", "c", "e", "y"),
        {},
        set(),
    ),
    "flattened for an activation in float": (
        [
            FIRST,
            operator("Flatten", "c", "f"),
            operator("Tanh", "f", "t"),
            operator("MatMul", "t d", "y"),
        ],
        ("x", "t"),
        {},
        {"c", "f", "y"},
    ),
    "arranged for an activation in float and read by a layer": (
        [
            FIRST,
            operator("Transpose", "c", "t", perm=[0, 1, 3, 2]),
            operator("HardSwish", "t", "h"),
            operator("Conv", "h u", "g"),
            operator("Conv", "c u", "e"),
            operator("GlobalAveragePool", "e", "i"),
            operator("Mul", "g i", "y"),
        ],
        ("x", "c", "h", "e", "i"),
        {},
        {"t", "g", "y"},
    ),
}


def network_of(path: Path, operators: list[Operator]) -> Network:
    """Import a network of operators that read `CONSTANTS`."""
    read = {name for each in operators for name in each.input}
    constants = {name: value for name, value in CONSTANTS.items() if name in read}
    return load_network(write_network(path, operators, constants))


@pytest.mark.parametrize("case", CASES)
def test_storage(tmp_path, case):
    operators, own, passed, raw = CASES[case]
    storage = plan_storage(network_of(tmp_path / "net.onnx", operators))
    assert storage.own == own
    assert storage.passed == passed
    assert storage.raw == raw
    assert set(storage.readers) == set(own)
    assert all(storage.source(name) == source for name, source in passed.items())


def readers(path: Path, operators: list[Operator]) -> dict[str, list[str]]:
    """Name the nodes that read each tensor of its own format."""
    storage = plan_storage(network_of(path, operators))
    return {name: [node.output for node in found] for name, found in storage.readers.items()}


def test_readers_are_found_behind_what_passes_values_on(tmp_path):
    operators = CASES["values passed on"][0]
    assert readers(tmp_path / "net.onnx", operators) == {"x": ["c"], "c": ["y"]}


def test_what_takes_codes_and_gives_numbers_is_a_reader(tmp_path):
    operators = CASES["arranged for an activation in float and read by a layer"][0]
    found = readers(tmp_path / "net.onnx", operators)
    assert found == {"x": ["c"], "c": ["t", "e"], "h": ["g"], "e": ["i"], "i": ["y"]}


def test_every_tensor_is_kept_in_one_way(tmp_path):
    for case, (operators, *_) in CASES.items():
        network = network_of(tmp_path / "net.onnx", operators)
        storage = plan_storage(network)
        tensors = [network.input, *(node.output for node in network.nodes)]
        kept = [*storage.own, *storage.passed, *storage.raw]
        assert sorted(kept) == sorted(tensors), case
