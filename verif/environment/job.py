"""A job: everything that one tile or dot product brings along, good or not, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from model import dot, gemm
from model.format import rational
from verif.engine import describe
from verif.environment.capabilities import Capabilities
from verif.environment.settings import INFINITY, Build, Settings, binary32_value, start_units

RATIONAL_MACS = 250
"""Up to so many MACs the exact definition judges, one result after the other; above, `gemm`."""

Outcome = tuple[np.ndarray, np.ndarray]
"""Results and flags, (ROWS, COLS) each."""


@dataclass(frozen=True, eq=False)
class Job:
    """What a design is given for ROWS x COLS results.

    Attributes
    ----------
    settings
        Configuration as the registers or pins carry it, valid or not.
    a_codes
        (ROWS, K) uint8.
    w_codes
        (K, COLS) uint8; K is another one where the packets disagree.
    starts
        (COLS,) binary32 words, more or fewer where the packet has another length.
    biases_w
        As many exponent biases of w.
    framing
        ``whole``, or ``no first`` or ``no last`` where that mark is missing.
    """

    settings: Settings
    a_codes: np.ndarray
    w_codes: np.ndarray
    starts: tuple[int, ...]
    biases_w: tuple[int, ...]
    framing: str = "whole"

    @property
    def k(self) -> int:
        """Length of the sums; of the shorter packet where they disagree."""
        return min(self.a_codes.shape[1], len(self.w_codes))

    def failure(self, can: Capabilities) -> str | None:
        """Return why a design has to refuse it, of `FAILURES`, or None."""
        if self.framing != "whole":
            return f"{self.framing} pair"
        settings, build = self.settings, Build(can.exp_max, can.width, can.accumulator)
        if refusal := settings.refusal(can.exp_max):
            return f"config {refusal}"
        if len(self.starts) != can.cols:
            return f"c packet {'short' if len(self.starts) < can.cols else 'long'}"
        for word, bias in zip(self.starts, self.biases_w, strict=True):
            if word & INFINITY == INFINITY:
                return "start NaN" if word & 0x7FFFFF else "start infinite"
            if start_units(word, settings.grid_exponent(bias), build) is None:
                return "start too large"
        a_beats, w_beats = self.a_codes.shape[1], len(self.w_codes)
        if min(a_beats, w_beats) > can.k_max:
            return "too long"
        if a_beats != w_beats:
            return f"{'a' if a_beats < w_beats else 'w'} packet short"
        return None

    @cached_property
    def integers_a(self) -> np.ndarray:
        """(ROWS, K) object, integers of a in its unit."""
        return self.settings.format_a().integers(self.a_codes).astype(object)

    @cached_property
    def integers_w(self) -> np.ndarray:
        """(K, COLS) object, integers of w in its unit, which each column has for itself."""
        return self.settings.format_w(0).integers(self.w_codes).astype(object)

    def total(self, row: int, col: int, accumulator: str) -> Fraction:
        """Return the accumulator's final value of one result, start value included."""
        settings = self.settings
        fmt_a, fmt_w = settings.format_a(), settings.format_w(self.biases_w[col])
        start = binary32_value(self.starts[col])
        a_codes, w_codes = self.a_codes[row].tolist(), self.w_codes[:, col].tolist()
        return dot(a_codes, w_codes, fmt_a, fmt_w, start, accumulator)

    def expected(self, can: Capabilities) -> Outcome:
        """Return results and flags by the model.

        Words are uint32, codes uint8, sums in the accumulator's unit integers of any size, or
        rationals.
        """
        rows, cols = len(self.a_codes), len(self.starts)
        if "sums" in can.outputs:
            return self._sums(can), np.zeros((rows, cols), np.uint8)
        fmt_y, (rounding, clamp) = self.settings.format_y(), self.settings.rounding_and_clamp()
        if rows * cols * self.k > RATIONAL_MACS:
            fmts_w = [self.settings.format_w(bias) for bias in self.biases_w]
            start = np.array(self.starts, np.uint32).view(np.float32)
            operands = self.a_codes, self.w_codes, self.settings.format_a(), fmts_w, start, fmt_y
            options = {"rounding": rounding, "clamp": clamp, "width": can.width}
            results, flags = gemm(*operands, accumulator=can.accumulator, **options)
            return results, flags & can.flags
        return self.by_definition(can)

    def by_definition(self, can: Capabilities) -> Outcome:
        """Return results and flags by exact rationals, one result after the other."""
        fmt_y, (rounding, clamp) = self.settings.format_y(), self.settings.rounding_and_clamp()
        shape = len(self.a_codes), len(self.starts)
        results = np.zeros(shape, np.uint32 if fmt_y is None else np.uint8)
        flags = np.zeros(shape, np.uint8)
        for place in np.ndindex(shape):
            total = self.total(*place, can.accumulator)
            if fmt_y is None:
                results[place], flags[place] = rational.encode_binary32(total)
            else:
                fields = fmt_y.sign, fmt_y.exponent, fmt_y.fraction, 0  # a bias only scales
                scaled = total * Fraction(2) ** fmt_y.bias
                results[place], flags[place] = rational.encode(fields, scaled, rounding, clamp)
        return results, flags & can.flags

    def _sums(self, can: Capabilities) -> np.ndarray:
        """(ROWS, COLS) object, what the accumulators hold at the end, in their own units."""
        if can.is_exact:
            return self.integers_a @ self.integers_w
        sums = np.zeros((len(self.a_codes), len(self.starts)), object)
        for row, col in np.ndindex(sums.shape):
            unit = Fraction(2) ** self.settings.grid_exponent(self.biases_w[col])
            sums[row, col] = self.total(row, col, can.accumulator) / unit
        return sums

    def describe(self, can: Capabilities, row: int, col: int, most: int = 12) -> str:
        """Return the operands of one result as a person reads them, zero products left out."""
        settings = self.settings
        fmt_a, fmt_w = settings.format_a(), settings.format_w(self.biases_w[col])
        fmt_y, (rounding, clamp) = settings.format_y(), settings.rounding_and_clamp()
        lines = [f"a {fmt_a}, w {fmt_w}, K = {self.k}"]
        if "sums" not in can.outputs:
            lines[0] += f", y {fmt_y or 'binary32'}, {rounding}"
            lines[0] += "" if clamp is None else f", clamp {clamp:#04x}"
        if self.starts[col]:
            lines.append(f"start: {describe.binary32(self.starts[col])}")
        a_codes, w_codes = self.a_codes[row], self.w_codes[:, col]
        live = np.flatnonzero((self.integers_a[row] != 0) & (self.integers_w[:, col] != 0))
        for k in live[:most]:
            a, w = describe.code(fmt_a, int(a_codes[k])), describe.code(fmt_w, int(w_codes[k]))
            lines.append(f"k = {k}: a {a}; w {w}")
        rest = len(live) - len(live[:most])
        lines.append(f"and {rest} more products; {self.k - len(live)} of {self.k} are zero")
        return "\n".join(lines)
