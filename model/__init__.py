"""The mathematics of FFP8: the number format, its codec and its exact arithmetic."""

from .arithmetic.accumulator import ACCUMULATORS, accumulator_width, start_integer
from .arithmetic.elementwise import add, mean
from .arithmetic.products import dot, gemm
from .format.format import Format, supported_splits
from .format.rounding import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW, ROUNDINGS

__all__ = [
    "ACCUMULATORS",
    "FLAG_INEXACT",
    "FLAG_OVERFLOW",
    "FLAG_UNDERFLOW",
    "ROUNDINGS",
    "Format",
    "accumulator_width",
    "add",
    "dot",
    "gemm",
    "mean",
    "start_integer",
    "supported_splits",
]
