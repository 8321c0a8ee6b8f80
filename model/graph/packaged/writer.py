"""Write an ONNX graph operator by operator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
INPUT = "images"


class GraphWriter:
    """The operators so far, from the float32 tensor ``images`` (N, C, H, W) on.

    Parameters
    ----------
    name
        The graph's name.
    shape
        (C, H, W) of one image; the batch size is left open.
    """

    def __init__(self, name: str, shape: tuple[int, int, int]) -> None:
        self._name = name
        self._input = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ("N", *shape))
        self._operators: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(
        self,
        kind: str,
        name: str,
        inputs: str | Sequence[str],
        constants: Sequence[np.ndarray | np.float32] = (),
        **attributes: object,
    ) -> str:
        """Append an operator.

        Parameters
        ----------
        kind
            The ONNX operator, such as "Conv".
        name
            The layer's name; the operator is called ``name/kind``.
        inputs
            The tensors that it reads, or the only one.
        constants
            Its further inputs, in the order of ONNX.
        **attributes
            Of the operator.

        Returns
        -------
        str
            The name of the tensor that it writes.
        """
        full_name = f"{name}/{kind}"
        names = [f"{full_name}:{index}" for index in range(len(constants))]
        self._constants += [
            numpy_helper.from_array(np.asarray(value), constant)
            for value, constant in zip(constants, names, strict=True)
        ]
        inputs = [inputs] if isinstance(inputs, str) else inputs
        self._operators.append(
            helper.make_node(kind, [*inputs, *names], [full_name], full_name, **attributes)
        )
        return full_name

    def model(self, output: str, *shape: int) -> onnx.ModelProto:
        """Return the finished model, which passed the ONNX checker.

        Parameters
        ----------
        output
            The tensor that is the answer.
        *shape
            Of one image's answer: (classes,), or (C, H, W) of a feature map.
        """
        answer = helper.make_tensor_value_info(output, TensorProto.FLOAT, ("N", *shape))
        graph = helper.make_graph(
            self._operators, self._name, [self._input], [answer], self._constants
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="ffp8",
        )
        onnx.checker.check_model(model, full_check=True)
        return model
