"""A tile of operands of bias 0: what an array is given, and what it returns.

Exact sums are plain integers; those of a binary32 accumulator are rationals, from a start value.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from model import Format
from model.binary32 import Binary32Sums
from tests.benches import floats
from verif import describe


class ProductTile:
    """Codes (ROWS, K) and (K, COLS), their formats, and the integers that they sum up to."""

    def __init__(
        self,
        random: np.random.Generator,
        splits: Sequence[tuple[int, int, int]],
        rows: int,
        cols: int,
        k: int,
    ) -> None:
        self.fmt_a, self.fmt_w = (
            Format(*splits[random.integers(len(splits))], 0) for _ in range(2)
        )
        self.a, self.w = random.integers(256, size=(rows, k)), random.integers(256, size=(k, cols))
        for codes in (self.a, self.w):
            codes[random.random(codes.shape) < random.choice((0.0, 0.4))] = 0
            codes[random.random(codes.shape) < 0.05] = 0x80
        self.integers_a = self.fmt_a.integers(self.a).astype(object)
        self.integers_w = self.fmt_w.integers(self.w).astype(object)
        self.sums = self.integers_a @ self.integers_w
        self.starts = 0  # as the port carries it

    def start_from(self, random: np.random.Generator) -> None:
        """Draw start values for a binary32 accumulator, which then makes the sums."""
        columns = self.w.shape[1]
        exponents = random.integers(-60, 60, columns) * (random.random(columns) < 0.8)
        start = np.ldexp(random.integers(2**23, 2**24, columns), exponents - 20)
        start = (start * random.choice((-1, 0, 1, 1), columns)).astype(np.float32)
        numbers = [Fraction(value) for value in start.tolist()]
        self.starts = sum(floats.pack(x) << floats.BITS * c for c, x in enumerate(numbers))
        a, w = self.a.astype(np.uint8), self.w.astype(np.uint8)
        sums = Binary32Sums(w, self.fmt_a, self.fmt_w, start, np.zeros(columns, np.int64))
        values, far = sums.rows(a)
        assert not far.any()
        self.sums = np.vectorize(Fraction, otypes=[object])(values)

    @property
    def k(self) -> int:
        """Beats of the tile."""
        return self.a.shape[1]

    def ports(self, beat: int) -> dict[str, int]:
        """Return the values of the ports in one beat."""
        return {
            "beat_first": int(beat == 0),
            "beat_last": int(beat == self.k - 1),
            "a_codes": int.from_bytes(bytes(self.a[:, beat].tolist()), "little"),
            "a_signed": self.fmt_a.sign,
            "a_exponent_bits": self.fmt_a.exponent,
            "w_codes": int.from_bytes(bytes(self.w[beat].tolist()), "little"),
            "w_signed": self.fmt_w.sign,
            "w_exponent_bits": self.fmt_w.exponent,
        }

    def live(self, beat: int) -> tuple[int, ...]:
        """Return which rows' and columns' codes of one beat are not zero, as bit masks."""
        vectors = self.integers_a[:, beat], self.integers_w[beat]
        return tuple(sum(1 << place for place, x in enumerate(v) if x != 0) for v in vectors)

    def operands(self, row: int, col: int) -> str:
        """Return the operands of one sum as a person reads them."""
        terms = zip(self.a[row].tolist(), self.w[:, col].tolist(), strict=True)
        return "; ".join(
            f"{describe.code(self.fmt_a, a)} times {describe.code(self.fmt_w, w)}" for a, w in terms
        )
