"""Networks with weights drawn: the same ones each time, and marked as such."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from model.graph.importing.network import load_network
from model.graph.network import DRAWN_WEIGHTS
from model.graph.packaged import drawn as drawn_module
from model.graph.packaged.drawn import FILES, FOLDER, drawn
from tests.graph.float_execution import run_model
from tests.graph.tiny_networks import normal

NAME = "onnx_squeezenet"


def weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Return the tensors of float32, those of the file included."""
    arrays = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    return {name: array for name, array in arrays.items() if array.dtype == np.float32}


def test_a_seed_has_its_weights(seed):
    first, again, other = (weights(drawn(NAME, number)) for number in (seed, seed, seed + 1))
    given = weights(onnx.load(FOLDER / FILES[NAME]))
    assert first.keys() == again.keys() == other.keys() and len(given) == 13 and len(first) == 52
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
        assert (array != other[name]).any() == (name not in given), name


def test_every_constant_becomes_a_tensor_of_its_own_shape():
    model, plain = drawn(NAME), onnx.load(FOLDER / FILES[NAME])
    constants = [node for node in plain.graph.node if node.op_type == "ConstantOfShape"]
    shapes = {one.name: numpy_helper.to_array(one) for one in plain.graph.initializer}
    wanted = {node.output[0]: tuple(shapes[node.input[0]]) for node in constants}
    found = weights(model)
    assert {name: found[name].shape for name in wanted} == wanted and len(wanted) == 39
    kept = [node.SerializeToString() for node in plain.graph.node if node not in constants]
    assert [node.SerializeToString() for node in model.graph.node] == kept
    assert all((found[name] > 0).all() for name in wanted if found[name].ndim == 1)


def test_it_answers_and_says_that_its_weights_are_drawn(path):
    model = drawn(NAME)
    answers = run_model(model, normal(1, 1, 3, 224, 224, scale=1))
    assert answers.size == 1000 and np.ptp(answers) > 1e-4
    onnx.save(model, path)
    (note,) = load_network(path).notes
    assert note.startswith("its weights are drawn at random, not trained: ")
    model.metadata_props[0].value = "trained"
    onnx.save(model, path)
    assert load_network(path).notes == () and DRAWN_WEIGHTS == ("weights", "drawn")


def test_an_onnx_package_without_the_networks_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(drawn_module, "FOLDER", tmp_path)
    message = f"^{tmp_path}/light_squeezenet.onnx: no such file, the onnx package should hold it"
    with pytest.raises(ValueError, match=message):
        drawn(NAME)
