"""Bring a network to the form in which newer opsets say the same, so that others know only that.

What an operator does stood in its attributes in one opset and stands in its inputs in the next:
the borders of a Pad, the bounds of a Clip, the axes of a reduction.
"""

from __future__ import annotations

import onnx
from onnx import helper, version_converter

OLDEST = 7
"""The first opset in which tensors of different shapes meet as they do today."""

NEWEST_FORM = 18
"""From this opset on nothing that can be translated has moved from attributes to inputs."""

STRETCHED = 11
"""The opset before which a Resize has one way to map positions, which newer ones have to name."""


def opset(model: onnx.ModelProto) -> int:
    """Return the version of the standard operators that a model is written in."""
    versions = [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
    return max(versions, default=1)


def check_opset(model: onnx.ModelProto) -> None:
    """Raise ValueError if a model's opset is older than 7."""
    version = opset(model)
    if version < OLDEST:
        raise ValueError(f"opset {version}: {OLDEST} or a newer one is supported, export it again")


def in_newest_form(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same function in opset 18, or a model of a later one as it is.

    Parameters
    ----------
    model
        A checked model of opset 7 or later, whose operators are all of the standard domain.

    Raises
    ------
    ValueError
        If an operator has no newer form.
    """
    version = opset(model)
    if version >= NEWEST_FORM:
        return model
    try:
        changed = version_converter.convert_version(model, NEWEST_FORM)
    except RuntimeError as error:
        reason = str(error).strip().rpartition("\n")[2]
        raise ValueError(f"opset {version}: {reason}") from error
    if version < STRETCHED:
        _name_positions(changed.graph)
    return changed


def _name_positions(graph: onnx.GraphProto) -> None:
    """Say of each Resize what older ones meant: output i lies at i / scale, rounded down."""
    for node in graph.node:
        if node.op_type == "Resize":
            settings = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            node.attribute.extend(helper.make_attribute(*one) for one in settings.items())
