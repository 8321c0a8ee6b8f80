"""Clamps, widths and formats that are none are refused in a sentence, with or without results."""

import numpy as np
import pytest

from model import Format, add, dot, gemm, mean

A, W = Format.parse("s1e4f3b7"), Format.parse("s1e3f4b3")
ONE, NONE = np.full((1, 1), 0x38, np.uint8), np.empty((0, 1), np.uint8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gemm(NONE, ONE, A, W, 0.0, A, clamp=0x80), "clamp 0x80: a magnitude code"),
        (lambda: gemm(NONE, ONE, A, W, 0.0, A, clamp=1.5), "clamp 1.5: a magnitude code, an integ"),
        (lambda: gemm(ONE, ONE, A, W, 0.0, A, clamp=1.5), "clamp 1.5"),
        (lambda: A.encode(1.0, clamp=1.5), "clamp 1.5"),
        (lambda: gemm(ONE, ONE, A, W, 0.0, A, width=0), "width 0: an accumulator has"),
        (lambda: gemm(ONE, ONE, A, W, 0.0, A, width=-5), "width -5"),
        (lambda: dot([1], [1], A, W, width=3.5), "width 3.5"),
        (lambda: dot([1], [1], "s1e4f3b7", W), "fmt_a 's1e4f3b7': a Format is needed, as in"),
        (lambda: gemm(ONE, ONE, A, "s1e3f4b3", 0.0, A), r"fmts_w\[0\] 's1e3f4b3': a Format"),
        (lambda: gemm(ONE, ONE, A, ["s1e3f4b3"], 0.0, A), r"fmts_w\[0\] 's1e3f4b3': a Format"),
        (lambda: gemm(ONE, ONE, A, W, 0.0, "s1e4f3b7"), "fmt_y 's1e4f3b7': a Format"),
        (lambda: add(ONE, A, ONE, "s1e3f4b3", A), "fmt_b 's1e3f4b3': a Format"),
        (lambda: mean(ONE, A, "s1e3f4b3"), "fmt_y 's1e3f4b3': a Format"),
    ],
)
def test_what_is_no_clamp_width_or_format_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
