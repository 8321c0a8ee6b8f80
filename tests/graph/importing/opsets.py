"""The opsets that operators are tested in: each changes how some are spelled."""

import onnx

NEWEST = onnx.defs.onnx_opset_version()
OPSETS = (11, 13, 18, NEWEST)
