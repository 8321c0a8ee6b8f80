"""The text file of a selection, and what a selection must have to fit a network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from model.format.format import Format
from model.graph.importing.network import load_network
from model.graph.network import Network
from model.quantization.calibration import Calibration, calibrate
from model.quantization.method import Selection, select, weight_codes
from model.quantization.quantize import apply_selection
from model.quantization.selection import ColumnFormats
from model.quantization.selection_file import dump_selection, read_selection
from tests.graph.mixed_networks import KINDS, mixed_network
from tests.graph.tiny_networks import normal

SELECTION = Selection(
    "net",
    4,
    512,
    "output",
    {"x": Format(1, 3, 4, 5), "no": Format(0, 4, 4, -128), "12": Format(0, 0, 8, 127)},
    {
        "conv/1: a 'name', [odd]": ColumnFormats(Format(1, 2, 5, 0), np.array([3, -4, 127]), 0.5),
        "1e3": ColumnFormats(Format(0, 4, 4, 0), np.array([-128]), 0.0),
    },
    {"no": 2.0 ** (5 / 16), "12": 1.5},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a test may write a selection."""
    return tmp_path / "selection.yaml"


def assert_same(actual: Selection, expected: Selection) -> None:
    """Compare all that a file holds, the order of names included."""
    assert replace(actual, weights={}).tensors == expected.tensors
    assert list(actual.tensors) == list(expected.tensors)
    assert actual.scales == expected.scales
    for name in ("network", "exp_max", "k_max", "objective"):
        assert getattr(actual, name) == getattr(expected, name)
    assert list(actual.weights) == list(expected.weights)
    for name, chosen in expected.weights.items():
        assert actual.weights[name].fmt == chosen.fmt
        assert actual.weights[name].biases.dtype == np.int64
        assert actual.weights[name].biases.tolist() == chosen.biases.tolist()


def test_what_is_written_is_read(path):
    path.write_text(dump_selection(SELECTION), encoding="utf-8")
    assert_same(read_selection(path), SELECTION)


def test_text_for_people(path):
    """Formats are written as everywhere else, a line each."""
    lines = dump_selection(SELECTION).splitlines()
    assert lines[:5] == [
        "version: 2",
        "network: net",
        "exp_max: 4",
        "k_max: 512",
        "objective: output",
    ]
    tensors = ["  x: s1e3f4b5", "  'no': s0e4f4b-128", "  '12': s0e0f8b127"]
    assert lines[5:10] == ["tensors:", *tensors, "scales:"]
    assert "  '12': 1.5" in lines
    assert any("split: s1e2f5" in line for line in lines)


@pytest.fixture(params=[*KINDS, "residual"])
def chosen(request, tmp_path, seed) -> tuple[Network, Calibration, Selection]:
    """Choose formats for a network."""
    network = load_network(mixed_network(tmp_path / "net.onnx", request.param, seed % 1000))
    calibration = calibrate(network, normal(seed, 20, *network.input_shape, scale=1))
    return network, calibration, select(network, calibration)


def test_a_network_is_the_same_from_its_file(chosen, path, seed):
    network, calibration, selection = chosen
    path.write_text(dump_selection(selection), encoding="utf-8")
    again = read_selection(path)
    assert_same(again, selection)
    codes = weight_codes(network, selection, calibration)
    images = normal(seed + 1, 4, *network.input_shape, scale=1)
    answers = apply_selection(network, selection, codes).run(images)
    codes = weight_codes(network, again, calibration)
    np.testing.assert_array_equal(apply_selection(network, again, codes).run(images), answers)


def without(*keys: str) -> object:
    """Return a change that takes a key out, found by the keys that lead to it."""
    return lambda content: _holder(content, keys).pop(keys[-1])


def with_value(value: object, *keys: str) -> object:
    """Return a change that sets a key."""
    return lambda content: _holder(content, keys).update({keys[-1]: value})


def _holder(content: dict, keys: tuple[str, ...]) -> dict:
    for key in keys[:-1]:
        content = content[key]
    return content


WRONG = [
    (without("tensors"), "no key 'tensors': a selection has the keys version, network"),
    (without("version"), "no key 'version'"),
    (with_value(1, "colour"), "unknown key 'colour': a selection has the keys"),
    (with_value(1, "version"), "version 1, this program reads 2"),
    (with_value("2", "version"), "version '2', this program reads 2"),
    (with_value(True, "version"), "version True, this program reads 2"),
    (with_value(9, "exp_max"), "exp_max 9: an integer from 0 to 8 is needed"),
    (with_value("4", "exp_max"), "exp_max '4': an integer"),
    (with_value(True, "exp_max"), "exp_max True: an integer"),
    (with_value(0, "k_max"), "k_max 0: an integer from 1 to"),
    (with_value(2.5, "k_max"), "k_max 2.5: an integer"),
    (with_value("speed", "objective"), "objective 'speed': one of output, tensor"),
    (with_value(["output"], "objective"), r"objective \['output'\]: one of output, tensor"),
    (with_value(["x"], "tensors"), "tensors: a mapping from names to formats"),
    (with_value(["x"], "scales"), "scales: a mapping from names to formats"),
    (with_value(1.0, "scales", "12"), "scale of '12': 1.0, a number between 1 and 2"),
    (with_value(2.0, "scales", "12"), "scale of '12': 2.0, a number between 1 and 2"),
    (with_value(float("nan"), "scales", "12"), "scale of '12': nan, a number between"),
    (with_value("1.5", "scales", "12"), "scale of '12': '1.5', a number between"),
    (with_value(None, "weights"), "weights: a mapping from names to formats"),
    (with_value("e4m3", "tensors", "x"), "tensor 'x': format 'e4m3': write it like"),
    (with_value("s1e3f4", "tensors", "x"), "tensor 'x': format 's1e3f4': write it like"),
    (with_value("s1e3f5b1", "tensors", "x"), "tensor 'x': format s1e3f5: 9 bits"),
    (with_value("s1e3f4b128", "tensors", "x"), "tensor 'x': bias 128, one from -128 to 127"),
    (with_value("s1e3f4b-129", "tensors", "x"), "tensor 'x': bias -129, one from -128 to 127"),
    (with_value("s1e5f2b3", "tensors", "x"), "tensor 'x': s1e5f2b3 has 5 exponent bits, exp_max"),
    (with_value(None, "tensors", "x"), "tensor 'x': format 'None': write it like"),
    (with_value("s1e3f4b5", "weights", "1e3"), "weights of '1e3': a split like s1e3f4 and biases"),
    (without("weights", "1e3", "biases"), "weights of '1e3': a split like s1e3f4 and biases"),
    (with_value("s1e3f4b5", "weights", "1e3", "split"), "weights of '1e3': format 's1e3f4b5b0'"),
    (with_value("s1e5f2", "weights", "1e3", "split"), "weights of '1e3': .* exp_max is 4"),
    (with_value([], "weights", "1e3", "biases"), r"weights of '1e3': biases \[\], a list of int"),
    (with_value(3, "weights", "1e3", "biases"), "weights of '1e3': biases 3, a list of integers"),
    (with_value([1, 2.0], "weights", "1e3", "biases"), r"biases \[1, 2.0\], a list of integers"),
    (with_value([1, True], "weights", "1e3", "biases"), r"biases \[1, True\], a list of integers"),
    (with_value([1, 128], "weights", "1e3", "biases"), "weights of '1e3': bias 128, one from"),
    (with_value([-129], "weights", "1e3", "biases"), "weights of '1e3': bias -129, one from"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_contents(path, change, message):
    content = yaml.safe_load(dump_selection(SELECTION))
    change(content)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert_refused(path, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a selection of formats"),
        ("- 1\n- 2\n", "not a selection of formats: one has the keys version, network"),
        ("words", "not a selection of formats"),
        ("a: [1, 2", "not a YAML file"),
        ("a: b: c", "not a YAML file"),
        ("? [1, 2]\n: 3", "not a YAML file"),
        ("[" * 3000, "not a YAML file"),
        ("!!python/object/apply:os.getcwd []", "not a YAML file .*python/object"),
        ("version: !!python/name:os.system", "not a YAML file .*python/name"),
        ("version: 2001-02-31", "day is out of range"),
        ("\x00", "not a YAML file"),
    ],
)
def test_not_such_a_file(path, text, message):
    path.write_text(text, encoding="utf-8")
    assert_refused(path, message)


def test_unreadable_files(path, tmp_path):
    assert_refused(path, "cannot be read .*No such file")
    assert_refused(tmp_path, "cannot be read .*directory")
    path.write_bytes(b"\xff\xfe\xfa")
    assert_refused(path, "cannot be read")


def assert_refused(path: Path, message: str) -> None:
    """Check that one line names the file and what is wrong with it."""
    with pytest.raises(ValueError, match=message) as caught:
        read_selection(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text


@pytest.fixture
def fitting(tmp_path, seed) -> tuple[Network, Selection, dict[str, np.ndarray]]:
    """Choose formats for the residual network, whose first layer has 6 channels of 18 products."""
    network = load_network(mixed_network(tmp_path / "net.onnx", "residual", seed % 1000))
    calibration = calibrate(network, normal(seed, 20, *network.input_shape, scale=1))
    selection = select(network, calibration)
    return network, selection, weight_codes(network, selection, calibration)


UNFIT = [
    (lambda s: s.tensors.pop("r1"), "the selection for network 'net' has no format for r1 of"),
    (lambda s: s.weights.pop("node_c1"), "has no format for node_c1 of 'net'"),
    (
        lambda s: (s.tensors.pop("x"), s.weights.pop("node_y")),
        "has no format for x, node_y of 'net'",
    ),
    (
        lambda s: s.weights.update(node_c0=s.weights["node_y"]),
        "layer 'node_c0': 4 biases in the selection, one for each of 6 channels is needed",
    ),
]


@pytest.mark.parametrize(("change", "message"), UNFIT, ids=[message for _, message in UNFIT])
def test_selection_that_does_not_fit_the_network(fitting, change, message):
    network, selection, codes = fitting
    selection = replace(
        selection, tensors=selection.tensors.copy(), weights=selection.weights.copy()
    )
    change(selection)
    with pytest.raises(ValueError, match=message):
        apply_selection(network, selection, codes)
    with pytest.raises(ValueError, match=message):
        weight_codes(network, selection, calibrate(network, np.ones((1, 2, 8, 9), np.float32)))


def test_sums_longer_than_the_selection_allows(fitting):
    network, selection, codes = fitting
    with pytest.raises(ValueError, match="layer 'node_c1' sums 54 products, this build at most 53"):
        apply_selection(network, replace(selection, k_max=53), codes)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((18, 5), np.uint8), r"codes of type uint8 and shape \(18, 5\), uint8 of shape"),
        (np.zeros((6, 18), np.uint8), r"\(6, 18\), uint8 of shape \(18, 6\) is needed"),
        (np.zeros((18, 6), np.float64), r"type float64 and shape \(18, 6\), uint8 of shape"),
        (None, r"codes of type object and shape \(\), uint8 of shape \(18, 6\)"),
    ],
)
def test_codes_that_do_not_fit_the_layer(fitting, wrong, message):
    network, selection, codes = fitting
    apply_selection(network, selection, codes)
    with pytest.raises(ValueError, match=f"layer 'node_c0'.*{message}"):
        apply_selection(network, selection, codes | {"node_c0": wrong})
    del codes["node_c0"]
    with pytest.raises(ValueError, match="layer 'node_c0'"):
        apply_selection(network, selection, codes)


def test_aliases_are_refused_before_they_are_followed(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    path = tmp_path / "selection.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"\(line 2: alias \*a0, a selection has none\)"):
        read_selection(path)
