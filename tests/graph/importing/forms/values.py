"""Forms of operators that compute value by value."""

import numpy as np
from onnx import TensorProto

from tests.graph.importing.forms.form import Form, form
from tests.graph.tiny_networks import norm_parameters, normal, operator

SINCE = {"Celu": 12, "Erf": 9, "HardSwish": 14, "Mish": 18, "Round": 11, "Sign": 9, "Swish": 24}
SINCE |= {"Gelu": 20, "ThresholdedRelu": 10}
PLAIN = (
    *("Abs", "Neg", "Sign", "Exp", "Erf", "Sin", "Cos", "Ceil", "Floor", "Round", "Relu"),
    *("Sigmoid", "Tanh", "Softplus", "Softsign", "HardSwish", "Mish", "Identity"),
)
OF_POSITIVE = ("Reciprocal", "Sqrt", "Log")
SHAPED: dict[str, dict[str, object]] = {
    "LeakyRelu": {"alpha": 0.3},
    "Elu": {"alpha": 0.6},
    "Celu": {"alpha": 0.6},
    "Selu": {"alpha": 1.3, "gamma": 0.7},
    "HardSigmoid": {"alpha": 0.4, "beta": 0.3},
    "ThresholdedRelu": {"alpha": 0.2},
    "Swish": {"alpha": 0.7},
    "Gelu": {"approximate": "tanh"},
}
OTHER = {"m": normal(5, 4, 1, 1)}
STEEP = operator("Sigmoid", "c", "p")
SECOND = operator("Tanh", "c", "t")
NORM = "c n_gamma n_beta n_mean n_variance"


def _unary() -> list[Form]:
    found = [form(kind, "plain", first=SINCE.get(kind, 7)) for kind in PLAIN]
    found += [form(kind, "plain", "p", before=(STEEP,)) for kind in OF_POSITIVE]
    for kind, settings in SHAPED.items():
        first = SINCE.get(kind, 7)
        found += [form(kind, "by default", first=first)]
        found += [form(kind, "with attributes", first=first, **settings)]
    return found


def _binary() -> list[Form]:
    found = []
    for kind in ("Add", "Sub", "Mul", "Div"):
        found += [
            form(kind, "by a constant", "c m", constants=OTHER),
            form(kind, "of a constant", "m p", before=(STEEP,), constants=OTHER),
            form(kind, "by a number", "c s", constants={"s": np.float32(1.5)}),
            form(kind, "of two tensors", "c p", before=(STEEP,)),
            form(kind, "of two shapes", "c g", before=(operator("GlobalMaxPool", "c", "g"),)),
        ]
    for kind in ("Max", "Min", "Sum", "Mean"):
        found += [
            form(kind, "of one"),
            form(kind, "of two tensors", "c t", before=(SECOND,)),
            form(kind, "of three tensors", "c t p", before=(SECOND, STEEP)),
        ]
        # of different shapes since opset 8
        found += [
            form(kind, "with a constant", "c m t", before=(SECOND,), constants=OTHER, first=8)
        ]
    return found


VALUES = [
    *_unary(),
    *_binary(),
    form("Pow", "by a number", "c two", constants={"two": np.float32(2)}),
    form("Pow", "by a whole number", "c two", constants={"two": np.array(3)}, first=12),
    form("Pow", "of two tensors", "p t", before=(STEEP, SECOND)),
    form("PRelu", "by channels", "c s", constants={"s": normal(5, 4, 1, 1)}),
    form("PRelu", "by one slope", "c s", constants={"s": np.array([0.2], np.float32)}),
    form("Clip", "without bounds", last=10, after=(operator("Abs", "z", "y"),)),
    form("Clip", "below", last=10, min=-0.2),
    form("Clip", "above", last=10, max=0.4),
    form("Clip", "both", last=10, min=-0.3, max=0.4),
    form("Clip", "Relu6", last=10, min=0.0, max=0.6),
    form("Clip", "no bounds", first=11, after=(operator("Abs", "z", "y"),)),
    form("Clip", "below by input", "c l", constants={"l": np.float32(-0.2)}, first=11),
    form("Clip", "above by input", "c  u", constants={"u": np.float32(0.4)}, first=11),
    form(
        *("Clip", "both by inputs", "c l u"),
        constants={"l": np.float32(-0.3), "u": np.float32(0.4)},
        first=11,
    ),
    form("Cast", "to what it is", to=TensorProto.FLOAT),
    form("Dropout", "by default"),
    form("Dropout", "with a ratio", ratio=0.3, last=11),
    form("Dropout", "with a seed", seed=3, first=12),
    form("Dropout", "with a ratio as input", "c r", constants={"r": np.float32(0.3)}, first=12),
    form(
        *("Dropout", "not in training", "c r f"),
        constants={"r": np.float32(0.3), "f": np.array(False)},
        first=12,
    ),
    form("Dropout", "training without ratio", "c  f", constants={"f": np.array(False)}, first=12),
    form("BatchNormalization", "by default", NORM, constants=norm_parameters(1, 4, "n")),
    form(
        *("BatchNormalization", "with attributes", NORM),
        constants=norm_parameters(1, 4, "n"),
        epsilon=0.1,
        momentum=0.5,
    ),
    form(
        *("BatchNormalization", "by channels", NORM),
        constants=norm_parameters(1, 4, "n"),
        spatial=1,
        last=8,
    ),
    form(
        *("BatchNormalization", "not in training", NORM),
        constants=norm_parameters(1, 4, "n"),
        training_mode=0,
        first=14,
    ),
    form(
        *("BatchNormalization", "in float", NORM.replace("c", "t", 1)),
        before=(SECOND,),
        constants=norm_parameters(1, 4, "n"),
        epsilon=0.1,
    ),
]
"""Of all of them."""
