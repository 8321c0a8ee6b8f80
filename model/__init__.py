"""The mathematics of FFP8: the number format, its codec and its exact arithmetic."""

from model.arithmetic import (
    ACCUMULATORS,
    accumulator_width,
    add,
    dot,
    gemm,
    mean,
    start_integer,
)
from model.format import (
    FLAG_INEXACT,
    FLAG_OVERFLOW,
    FLAG_UNDERFLOW,
    ROUNDINGS,
    Format,
    supported_splits,
)

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
