"""The window of a convolution or a pooling, from an operator's attributes."""

from __future__ import annotations

import dataclasses

import onnx

from ..network import Pair, Window
from .builder import Builder, UnsupportedError, attributes


def image_size(builder: Builder, operator: onnx.NodeProto) -> tuple[int, int, int]:
    """Channels, height and width of what an operator reads.

    Raises
    ------
    UnsupportedError
        If that is no image of channels.
    """
    name = builder.operand(operator)
    shape = builder.shape(name)
    if len(shape) != 3:
        raise UnsupportedError(f"'{name}' has shape {shape} per image, 3 axes expected")
    return shape


def window_of(builder: Builder, operator: onnx.NodeProto, kernel: Pair) -> Window:
    """Window that an operator slides over its input, with explicit padding."""
    _, height, width = image_size(builder, operator)
    settings = attributes(operator)
    window = Window(
        kernel,
        tuple(settings.get("strides", (1, 1))),
        tuple(settings.get("pads", (0, 0, 0, 0))),
        tuple(settings.get("dilations", (1, 1))),
    )
    automatic = settings.get("auto_pad", b"").decode()
    if automatic.startswith("SAME"):
        pads = window.same_pads((height, width), more_at_end=automatic == "SAME_UPPER")
        window = dataclasses.replace(window, pads=pads)
    return window
