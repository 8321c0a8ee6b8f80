"""What exporters add around a network, and what older opsets spell in another way."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from model.graph.importing.network import load_network
from model.graph.importing.preparation import without_quantization
from model.graph.network import Linear
from tests.graph.float_execution import assert_same_function, described, run_nodes
from tests.graph.tiny_networks import KERNEL, normal, operator, write_network

CONV = operator("Conv", "x w", "c", pads=[1, 1, 1, 1])


def branch(name: str, *operators: onnx.NodeProto, result: str, **constants: np.ndarray):
    """Make a branch of an If."""
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    return helper.make_graph(list(operators), name, [], [onnx.ValueInfoProto(name=result)], tensors)


OLD = {
    "Pad": ([operator("Pad", "c", "y", pads=[0, 0, 1, 0, 0, 0, 0, 2], value=-1.5)], {}),
    "Pad before a Relu": (
        [
            operator("Pad", "c", "p", pads=[0, 0, 1, 0, 0, 0, 0, 2], value=-1.0),
            operator("Relu", "p", "y"),
        ],
        {},
    ),
    "Pad before a Conv": (
        [
            operator("Pad", "c", "p", pads=[0, 0, 1, 1, 0, 0, 1, 1]),
            operator("Conv", "p v", "y"),
        ],
        {"v": normal(4, 3, 4, 3, 3)},
    ),
    "Pad reflects": (
        [operator("Pad", "c", "y", pads=[0, 0, 1, 0, 0, 0, 0, 2], mode="reflect")],
        {},
    ),
    "Slice": ([operator("Slice", "c", "y", starts=[1, 2], ends=[3, 99], axes=[1, 3])], {}),
    "Clip": ([operator("Clip", "c", "y", min=-0.3, max=0.4)], {}),
    "Clip above": ([operator("Clip", "c", "y", max=0.4)], {}),
    "Clip to 6": ([operator("Clip", "c", "y", min=0.0, max=6.0)], {}),
    "Unsqueeze": (
        [operator("Unsqueeze", "c", "u", axes=[1]), operator("Squeeze", "u", "y", axes=[1])],
        {},
    ),
    "ReduceSum": ([operator("ReduceSum", "c", "y", axes=[2], keepdims=0)], {}),
    "Split": (
        [
            helper.make_node("Split", ["c"], ["p", "q"], name="s", axis=1, split=[1, 3]),
            operator("Mul", "q p", "y"),
        ],
        {},
    ),
    "Softmax": ([operator("Softmax", "c", "y")], {}),
    "Dropout": ([operator("Dropout", "c", "d", ratio=0.4), operator("Relu", "d", "y")], {}),
    "Flatten": (
        [operator("Flatten", "c", "f"), operator("Gemm", "f v b", "y", transB=1)],
        {"v": normal(4, 5, 288), "b": normal(5, 5)},
    ),
}


@pytest.mark.parametrize("opset", [7, 8, 9])
@pytest.mark.parametrize("case", OLD)
def test_what_stood_in_attributes(tmp_path, case, opset):
    operators, constants = OLD[case]
    path = write_network(
        tmp_path / "old.onnx", [CONV, *operators], {"w": KERNEL, **constants}, opset=opset
    )
    assert_same_function(path)


@pytest.mark.parametrize("scales", [(2, 2), (1, 3), (1.5, 2.7)])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("opset", [7, 9, 10])
def test_stretched_as_it_was(tmp_path, opset, mode, scales):
    factors = np.array([1, 1, *scales], np.float32)
    kind = "Resize" if opset == 10 else "Upsample"
    last = operator(kind, "c s", "y", mode=mode)
    if opset == 7:
        last = operator(kind, "c", "y", mode=mode, scales=factors.tolist())
    constants = {"w": KERNEL} if opset == 7 else {"w": KERNEL, "s": factors}
    path = write_network(tmp_path / "old.onnx", [CONV, last], constants, opset=opset)
    assert_same_function(path)


@pytest.mark.parametrize("opset", [1, 6])
def test_an_older_opset_is_refused(tmp_path, opset):
    path = write_network(tmp_path / "old.onnx", [CONV], {"w": KERNEL}, opset=9, output_shape=())
    model = onnx.load(path)
    model.opset_import[0].version = opset
    model.graph.node[0].output[0] = model.graph.output[0].name
    onnx.save(model, path)
    with pytest.raises(ValueError, match=f"opset {opset}: 7 or a newer one is supported"):
        load_network(path)


def test_an_older_opset_is_refused_before_its_operators(tmp_path):
    crop = helper.make_node("Crop", ["x"], ["y"], name="crop")
    path = write_network(tmp_path / "old.onnx", [crop], {}, output_shape=("N", "a"), opset=6)
    with pytest.raises(ValueError, match="onnx: opset 6: 7 or a newer one is supported"):
        load_network(path)


@pytest.mark.parametrize("read", [True, False])
def test_an_operator_of_another_domain_is_named_where_it_is_read(tmp_path, read):
    path = write_network(tmp_path / "other.onnx", [operator("Conv", "x w", "y")], {"w": KERNEL})
    model = onnx.load(path)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node.append(
        helper.make_node("Gelu", ["y"], ["z"], name="gelu", domain="com.microsoft")
    )
    if read:
        model.graph.output[0].name = "z"
    onnx.save(model, path)
    if read:
        with pytest.raises(ValueError, match=r"unsupported: com.microsoft::Gelu \(node 'gelu'\)$"):
            load_network(path)
    else:
        assert described(assert_same_function(path)) == ["Conv"]


def test_what_nothing_reads_is_dropped(tmp_path):
    """Branches, also of operators that are not supported, and what those alone have read."""
    operators = [
        CONV,
        operator("Tanh", "c", "t"),
        operator("Relu", "c", "y"),
        operator("Conv", "t v", "d"),
        helper.make_node("TopK", ["d", "k"], ["values", "indices"], name="top"),
    ]
    constants = {"w": KERNEL, "v": normal(4, 3, 4, 1, 1), "k": np.array([2])}
    path = write_network(tmp_path / "unread.onnx", operators, constants)
    assert described(assert_same_function(path)) == ["Conv+"]


@pytest.mark.parametrize("taken", [True, False])
def test_the_branch_that_is_taken(tmp_path, taken):
    """As an exporter writes what depends on the number of dimensions."""
    inner = branch("inner", operator("Mul", "t two", "z"), result="z", two=np.float32(2))
    operators = [
        CONV,
        operator("Shape", "c", "s"),
        operator("Gather", "s one", "channels"),
        operator("Equal", "channels count", "condition"),
        helper.make_node(
            "If",
            ["condition"],
            ["y"],
            name="choice",
            then_branch=branch(
                "then",
                operator("Relu", "c", "t"),
                helper.make_node("If", ["yes"], ["z"], then_branch=inner, else_branch=inner),
                result="z",
            ),
            else_branch=branch("else", operator("Tanh", "c", "t"), result="t"),
        ),
    ]
    constants = {
        "w": KERNEL,
        "one": np.array(1),
        "count": np.array(4 if taken else 5),
        "yes": np.array(True),
    }
    path = write_network(
        tmp_path / "if.onnx", operators, constants, output_shape=("N", 4, 8, 9), opset=17
    )
    found = described(assert_same_function(path))
    assert found == (["Conv+", "Mul elementwise"] if taken else ["Conv", "Tanh elementwise"])


def test_a_rank_that_is_declared_wrong(tmp_path):
    path = write_network(tmp_path / "rank.onnx", [CONV], {"w": KERNEL}, output_shape=())
    model = onnx.load(path)
    model.graph.node[0].output[0] = "y"
    onnx.save(model, path)
    assert load_network(path).shapes["y"] == (4, 8, 9)


def test_half_precision_runs_as_float32(tmp_path):
    half = KERNEL.astype(np.float16)
    operators = [
        operator("Cast", "x", "h", to=TensorProto.FLOAT16),
        operator("Conv", "h w", "c", pads=[1, 1, 1, 1]),
        operator("Relu", "c", "r"),
        operator("Cast", "r", "y", to=TensorProto.FLOAT),
    ]
    path = write_network(tmp_path / "half.onnx", operators, {"w": half})
    network = load_network(path)
    assert described(network) == ["Conv+"]
    images = np.random.default_rng(3).normal(0, 1, (2, 2, 8, 9)).astype(np.float32)
    wanted = write_network(
        tmp_path / "full.onnx",
        [CONV, operator("Relu", "c", "y")],
        {"w": half.astype(np.float32)},
    )
    same = run_nodes(load_network(wanted), images)["y"]
    np.testing.assert_array_equal(run_nodes(network, images)[network.output], same)


def quantized(zero: np.ndarray) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    """Return a network whose weights, and one activation, others have quantized."""
    operators = [
        operator("DequantizeLinear", "codes scale", "w"),
        CONV,
        operator("QuantizeLinear", "c step zero", "q"),
        operator("DequantizeLinear", "q step zero", "d"),
        operator("Conv", "d v", "y"),
    ]
    codes = np.random.default_rng(2).integers(-100, 100, (4, 2, 3, 3)).astype(np.int8)
    constants = {
        "codes": codes,
        "scale": np.float32(0.01),
        "step": np.float32(0.05),
        "zero": zero,
        "v": normal(4, 3, 4, 1, 1),
    }
    return operators, constants


@pytest.mark.parametrize(
    ("zero", "found"),
    [
        (np.array(-3, np.int8), ["Conv", "Conv"]),
        (np.array(0, np.int8), ["Conv", "Conv"]),
        (np.array(-128, np.int8), ["Conv+", "Conv"]),
        (np.array(0, np.uint8), ["Conv+", "Conv"]),
        (np.array(7, np.uint8), ["Conv", "Conv"]),
    ],
)
def test_the_quantization_of_others_is_dropped(tmp_path, zero, found):
    operators, constants = quantized(zero)
    path = write_network(
        tmp_path / "qdq.onnx", operators, constants, output_shape=("N", 3, 8, 9), opset=17
    )
    assert without_quantization(onnx.load(path)) == 1
    network = load_network(path)
    assert described(network) == found
    first = network.nodes[0]
    assert isinstance(first, Linear)
    weights = constants["codes"].reshape(4, -1).T * np.float32(0.01)
    np.testing.assert_allclose(first.weights, weights, rtol=1e-6)


def test_a_product_of_images_that_were_transposed(tmp_path):
    operators = [
        operator("Flatten", "x", "f"),
        operator("Transpose", "f", "t", perm=[1, 0]),
        operator("Gemm", "t v b", "y", transA=1, transB=1),
    ]
    constants = {"v": normal(4, 5, 144), "b": normal(5, 5)}
    path = write_network(tmp_path / "gemm.onnx", operators, constants)
    assert described(assert_same_function(path)) == ["Reshape", "Gemm"]


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_a_product_to_which_another_tensor_is_added(tmp_path, beta):
    operators = [
        operator("Flatten", "x", "f"),
        operator("Gemm", "f v b", "g", transB=1),
        operator("Gemm", "f u g", "h", transB=1, beta=beta),
        operator("Relu", "h", "y"),
    ]
    constants = {"v": normal(4, 5, 144), "b": normal(5, 5), "u": normal(6, 5, 144)}
    path = write_network(tmp_path / "gemm.onnx", operators, constants)
    if beta == 1:
        assert described(assert_same_function(path)) == ["Reshape", "Gemm", "Gemm", "Add+"]
    else:
        with pytest.raises(ValueError, match="Gemm .*: its input 'g' is not a constant"):
            load_network(path)
