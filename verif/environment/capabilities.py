"""What a design under test can do: the generator draws within it, the coverage is sized by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model import ROUNDINGS, Format, accumulator_width, supported_splits

WIDEST_REFUSING = 390
"""An exact accumulator of more bits takes every finite start value, whatever the biases."""

Split = tuple[int, int]
"""Sign bits and exponent bits of a format; the fraction has the rest of eight."""

BIASES = range(-128, 128)
"""What a bias register holds."""

START_FAILURES = ("start infinite", "start NaN")
FAILURES = (
    "config a",
    "config w",
    "config y",
    "config rounding",
    "config clamp",
    *START_FAILURES,
    "start too large",
    "c packet short",
    "c packet long",
    "a packet short",
    "w packet short",
    "no first pair",
    "no last pair",
    "too long",
)
"""Everything that can make a job fail; the first word tells which."""

ERROR_OF = {"config": "config", "start": "start", "too": "length"}
"""Sticky error by the first word of a failure; all others are errors of a packet."""


def error_of(failure: str) -> str:
    """Return the sticky error that a failure sets: config, start, packet or length."""
    return ERROR_OF.get(failure.partition(" ")[0], "packet")


def splits_up_to(exp_max: int) -> tuple[Split, ...]:
    """Return the splits that a build of `exp_max` holds."""
    return tuple((sign, exponent) for sign, exponent, _ in supported_splits(exp_max))


@dataclass(frozen=True)
class Capabilities:
    """What a design takes and gives.

    Attributes
    ----------
    rows, cols, k_max
        Shape of a job, and its longest sum.
    splits_a, splits_w, splits_y
        Formats of the operands and of the result.
    biases_a, biases_w, biases_y
        Exponent biases, one after the other from least to most; one value where it is fixed.
    accumulator, width
        ``exact`` with so many bits, or ``binary32``.
    outputs
        Of ``code``, ``binary32`` and ``sums`` (the accumulator's own integers) those it gives.
    roundings, clamps, starts
        Rounding modes; whether there is a clamp, and a start value.
    flags
        Mask of the flags that it shows: bit 0 inexact, 1 underflow, 2 overflow.
    failures
        Of `FAILURES` those that it recognises, and halts or goes on after.
    resets
        Kinds of reset: ``reset``, ``soft reset``.
    sources, sinks
        Streams that carry operands in and results out.
    stallable
        Streams whose receiver may hold off a beat.
    single
        Streams whose packets have one beat, so that none is ever open.
    opens
        The source whose first beat takes a job's configuration from registers; None where the
        configuration comes with the job.
    latency
        Cycles from a job's last beat to its outcome, at least.
    exact_latency
        Whether it is always so many; for a design that nothing stalls.
    exact_from
        Shortest sums whose first result comes in exactly that time wherever nothing stalls.
    back_to_back
        Shortest sums that follow each other without a gap.
    seamless
        Whether jobs of different configurations follow each other without a gap.
    exp_max
        Largest exponent width, which judges a configuration.
    """

    rows: int
    cols: int
    k_max: int
    splits_a: Sequence[Split]
    splits_w: Sequence[Split]
    splits_y: Sequence[Split]
    exp_max: int
    width: int
    biases_a: Sequence[int] = BIASES
    biases_w: Sequence[int] = BIASES
    biases_y: Sequence[int] = BIASES
    accumulator: str = "exact"
    outputs: Sequence[str] = ("code", "binary32")
    roundings: Sequence[str] = ROUNDINGS
    clamps: bool = True
    starts: bool = True
    flags: int = 7
    failures: Sequence[str] = ()
    resets: Sequence[str] = ("reset",)
    sources: Sequence[str] = ("in",)
    sinks: Sequence[str] = ("out",)
    stallable: Sequence[str] = ("in", "out")
    single: Sequence[str] = ()
    opens: str | None = None
    latency: int = 1
    exact_latency: bool = False
    exact_from: int = 1
    back_to_back: int = 1
    seamless: bool = True

    @property
    def is_exact(self) -> bool:
        """Whether the accumulator never rounds."""
        return self.accumulator == "exact"

    @classmethod
    def of_build(
        cls,
        *,
        exp_max: int,
        k_max: int,
        accumulator: str,
        rows: int = 1,
        cols: int = 1,
        failures: Sequence[str] = (),
        **others: object,
    ) -> Capabilities:
        """Return what a build of this project's design can do, from its parameters."""
        splits = splits_up_to(exp_max)
        width = accumulator_width(exp_max, k_max)
        if accumulator != "exact" or width > WIDEST_REFUSING:
            failures = tuple(name for name in failures if name != "start too large")
        settings = {"splits_a": splits, "splits_w": splits, "splits_y": splits} | others
        return cls(
            rows=rows,
            cols=cols,
            k_max=k_max,
            exp_max=exp_max,
            width=width,
            accumulator=accumulator,
            failures=failures,
            **settings,
        )

    @classmethod
    def fixed(
        cls, fmt_a: Format, fmt_w: Format, fmt_y: Format, *, k_max: int, width: int, **others: Any
    ) -> Capabilities:
        """Return what a design can do that has one format each, and sums dot products.

        Unless `others` say otherwise it rounds to nearest even, nothing can stall it, and its
        latency is always the same; there are no start values and no clamp.
        """
        settings = {
            "outputs": ("code",),
            "roundings": ("rne",),
            "clamps": False,
            "starts": False,
            "stallable": (),
            "exact_latency": True,
        } | others
        return cls(
            rows=1,
            cols=1,
            k_max=k_max,
            splits_a=((fmt_a.sign, fmt_a.exponent),),
            splits_w=((fmt_w.sign, fmt_w.exponent),),
            splits_y=((fmt_y.sign, fmt_y.exponent),),
            exp_max=max(fmt.exponent for fmt in (fmt_a, fmt_w, fmt_y)),
            width=width,
            biases_a=(fmt_a.bias,),
            biases_w=(fmt_w.bias,),
            biases_y=(fmt_y.bias,),
            **settings,
        )
