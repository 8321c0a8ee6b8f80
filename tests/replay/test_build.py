"""The least engine that holds a network, and what is said of one that does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model import Format
from model.quantization.gemm_layer import GemmLayer
from verif.replay.build import Build, least_build


def layer(start: float, exponent: int = 3) -> GemmLayer:
    """Make a fully connected layer of three products with a start value, on a grid of 2^-2."""
    return GemmLayer(
        name="fc",
        inputs=("x",),
        output="y",
        input_shape=(3,),
        output_shape=(1,),
        operator="Gemm",
        window=None,
        fmt_a=Format(1, 0, 7, 1),
        fmt_w=Format(1, 0, 7, 0),
        biases_w=np.array([1]),
        w_codes=np.zeros((3, 1), np.uint8),
        start=np.array([start], np.float32),
        fmt_y=Format(1, exponent, 7 - exponent, 0),
    )


def holds(build: Build, one: GemmLayer) -> bool:
    """Tell whether an accumulator takes a layer's start value, by the rule of the hardware."""
    unit = one.fmt_a.unit * one.fmts_w[0].unit
    limit = 2.0 ** (build.width - 2)
    return -limit <= round(float(one.start[0]) / unit) < limit


@pytest.mark.parametrize("exponent", [0, 1, 3, 5])
def test_formats_and_sums_decide_where_start_values_are_small(exponent: int) -> None:
    build = least_build(Build(), [layer(1.0, exponent)], 144)
    assert (build.exp_max, build.k_max) == (max(exponent, 1), 256)


@pytest.mark.parametrize("bits", range(20, 84))
def test_every_start_value_is_held_by_the_least_engine_that_does(bits: int) -> None:
    """Wider than EXP_MAX 5 makes it at this K_MAX, it takes a deeper engine, not a refusal."""
    one = layer(0.0)
    unit = one.fmt_a.unit * one.fmts_w[0].unit
    for sign in (1, -1):
        one = layer(sign * 2.0**bits * unit)
        widest = Build(k_max=2**15)
        if not holds(widest, one):
            with pytest.raises(ValueError, match="start value .* of layer 'fc' takes"):
                least_build(Build(), [one], 3)
            continue
        build = least_build(Build(), [one], 3)
        assert holds(build, one)
        if build.k_max > 4:
            assert build.exp_max == 5 and not holds(replace(build, k_max=build.k_max // 2), one)
        elif build.exp_max > 3:
            assert not holds(replace(build, exp_max=build.exp_max - 1), one)


def test_what_is_asked_for_is_taken_or_refused() -> None:
    wide = layer(2.0**40)
    assert least_build(Build(), [layer(1.0)], 3, exp_max=4, k_max=100).k_max == 100
    with pytest.raises(ValueError, match="K_MAX=2: the longest sum has 3 products"):
        least_build(Build(), [layer(1.0)], 3, k_max=2)
    with pytest.raises(ValueError, match="EXP_MAX=2: format s1e3f4b0 of y of layer 'fc' has 3"):
        least_build(Build(), [layer(1.0)], 3, exp_max=2)
    with pytest.raises(ValueError, match="EXP_MAX=3: start value .* of layer 'fc' takes"):
        least_build(Build(), [wide], 3, exp_max=3, k_max=4)
    classical = Build(accumulator="binary32")
    assert least_build(classical, [wide], 3).exp_max == 3  # which takes any start value
