"""Make images of one row where a file convolves in one dimension.

A Conv, or a pooling, of (channels, length) is one of (channels, 1, length). What works on each
position alone, between two of them, works on images too; elsewhere the axis is taken away again.
"""

from __future__ import annotations

import numpy as np
import onnx

from .float_operations import ELEMENTWISE
from .rewriting import Graph

WINDOWS = frozenset(("Conv", "ConvTranspose", "MaxPool", "AveragePool"))
POOLS_OF_ALL = frozenset(("GlobalAveragePool", "GlobalMaxPool"))
MOVED = ELEMENTWISE | {"Concat", "Identity", "Dropout"}
FOR_ROWS = {"output_padding": 0} | dict.fromkeys(
    ("kernel_shape", "strides", "dilations", "output_shape"), 1
)
"""What stands in front of an attribute's number for an image of one row."""

ROW = 2
"""Where the axis of length 1 is put."""


def images_of_rows(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same function without convolutions in one dimension.

    Parameters
    ----------
    model
        A resolved model: see `model.graph.importing.resolution.resolve`.
    """
    rows = _Rows(model)
    if not any(rows.is_windowed(node) for node in model.graph.node):
        return model
    return rows.rewritten(model)


class _Rows:
    """Rewrites a graph; ``_image`` names the image of a row that a tensor is."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = Graph(model)
        self._image: dict[str, str] = {}
        self._taken: set[str] = set()

    def is_windowed(self, node: onnx.NodeProto) -> bool:
        """Tell whether an operator slides over rows, (batch, channels, length)."""
        kinds = WINDOWS | POOLS_OF_ALL
        return node.op_type in kinds and len(self._graph.dimensions.get(node.input[0], ())) == 3

    def rewritten(self, model: onnx.ModelProto) -> onnx.ModelProto:
        """Return the model with images of rows."""
        for node in model.graph.node:
            if self.is_windowed(node):
                self._slide(node)
            elif self._is_movable(node):
                self._move(node)
            elif node.op_type == "Flatten" and node.input[0] in self._image:
                flat = _copied(node)
                flat.input[0] = self._image[node.input[0]]
                self._graph.nodes.append(flat)
            else:
                for name in node.input:
                    self._take_away(name)
                self._graph.nodes.append(node)
        for output in model.graph.output:
            self._take_away(output.name)
        return self._graph.finished()

    def _is_movable(self, node: onnx.NodeProto) -> bool:
        """Tell whether an operator can work on images as well: position by position, of rows."""
        read = [name for name in node.input if name and self._graph.constant(name) is None]
        return (
            node.op_type in MOVED
            and bool(read)
            and self._image.keys() >= set(read)
            and len(self._graph.dimensions.get(node.output[0], ())) == 3
        )

    def _slide(self, node: onnx.NodeProto) -> None:
        slid = _copied(node)
        slid.input[0] = self._image_of(node.input[0])
        if node.op_type in ("Conv", "ConvTranspose"):
            weights = self._graph.constant(node.input[1])
            if weights is not None:
                name = f"{node.output[0]}/weights"
                slid.input[1] = self._graph.with_constant(name, np.expand_dims(weights, ROW))
        for setting in slid.attribute:
            if setting.name == "pads":
                begin, end = setting.ints
                setting.ints[:] = [0, begin, 0, end]
            elif setting.name in FOR_ROWS:
                setting.ints[:] = [FOR_ROWS[setting.name], *setting.ints]
        self._put(slid)

    def _move(self, node: onnx.NodeProto) -> None:
        moved = _copied(node)
        for index, name in enumerate(node.input):
            if name in self._image:
                moved.input[index] = self._image[name]
            elif name and node.op_type != "BatchNormalization":
                value = self._graph.constant(name)
                if value.ndim > 1:
                    value = np.expand_dims(value, -2)
                    moved.input[index] = self._graph.with_constant(
                        f"{node.output[0]}/{index}/image", value
                    )
        if node.op_type == "Concat":
            (axis,) = (setting for setting in moved.attribute if setting.name == "axis")
            axis.i = axis.i % 3 + (axis.i % 3 >= ROW)
        self._put(moved)

    def _put(self, node: onnx.NodeProto) -> None:
        """Append an operator, and name its result as an image."""
        node.output[0] = self._named_image(node.output[0])
        self._graph.nodes.append(node)

    def _image_of(self, name: str) -> str:
        """Return the image of rows that some operator made as such."""
        if name not in self._image:
            image = self._named_image(name)
            axes = self._graph.with_constant(f"{image}/axes", np.array([ROW]))
            self._graph.add("Unsqueeze", [name, axes], image)
            self._taken.add(name)
        return self._image[name]

    def _named_image(self, name: str) -> str:
        """Return the name of the image of rows, which is new."""
        batch, channels, length = self._graph.dimensions[name]
        self._image[name] = self._graph.with_tensor(f"{name}/image", [batch, channels, 1, length])
        return self._image[name]

    def _take_away(self, name: str) -> None:
        """Make rows of an image, for an operator that needs them."""
        if name in self._image and name not in self._taken:
            self._taken.add(name)
            axes = self._graph.with_constant(f"{name}/axes", np.array([ROW]))
            self._graph.add("Squeeze", [self._image[name], axes], name)


def _copied(node: onnx.NodeProto) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    return copy
