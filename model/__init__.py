"""The mathematics of FFP8: the number format, its codec and its exact arithmetic."""

from model.accumulator import ACCUMULATORS, accumulator_width, start_integer
from model.arithmetic import dot, gemm
from model.elementwise import add, mean
from model.format import Format, supported_splits
from model.rounding import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW, ROUNDINGS

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
