"""The other 8-bit number systems that FFP8 is compared with, as quantizers of tensors."""

from ...format.presets import PRESETS
from .flexpoint import Flexpoint
from .float_formats import FloatFormat
from .int8 import Int8PerChannel, Int8PerTensor
from .scheme import Quantizer, Scheme
from .shifted_squeezed import ShiftedSqueezed

_SCALED = (
    "times a power of two for each tensor and each output channel of the weights, that of least "
    "squared error, saturating."
)

OTHER_SCHEMES: list[Scheme] = [
    FloatFormat(
        "FP8 (1,5,2,15)",
        "The format of Wang et al. (2018) as an FFP8 format, without a scale, saturating.",
        PRESETS["wang_fp8"],
        scaled=False,
    ),
    FloatFormat(
        "HFP8 (1,4,3,11)",
        "The forward format of Sun et al. (2019) as an FFP8 format, without a scale, saturating.",
        PRESETS["hfp8_forward"],
        scaled=False,
    ),
    FloatFormat("OCP E4M3", f"(1,4,3,7), largest 448, {_SCALED}", PRESETS["ocp_e4m3"], scaled=True),
    FloatFormat(
        "OCP E5M2", f"(1,5,2,15), largest 57344, {_SCALED}", PRESETS["ocp_e5m2"], scaled=True
    ),
    FloatFormat(
        "LLVM E3M4", f"(1,3,4,3), largest 15.5, {_SCALED}", PRESETS["llvm_e3m4"], scaled=True
    ),
    ShiftedSqueezed(),
    Flexpoint(),
    Int8PerTensor(),
    Int8PerChannel(),
]
"""In the order of a table."""

__all__ = ["OTHER_SCHEMES", "Quantizer", "Scheme"]
