"""What jobs have in common whose totals are to lie at a chosen place: signs, biases, operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from verif.environment.capabilities import Capabilities
from verif.environment.draw import nearest
from verif.environment.settings import Settings


class Placing:
    """Makes totals lie where they are wanted.

    Parameters
    ----------
    can
        What the design takes.
    random
        Where everything comes from.
    """

    def __init__(self, can: Capabilities, random: np.random.Generator) -> None:
        self.can, self.random = can, random

    def negative(self, settings: Settings, wish: bool | None = None) -> bool:
        """Return the sign of a total: as wished, as the formats allow."""
        if not (settings.raw or settings.y_signed):
            return False
        if not (self.can.starts and not settings.raw or settings.a_signed or settings.w_signed):
            return False
        return bool(self.random.integers(2)) if wish is None else wish

    def centred(self, settings: Settings, step: int) -> tuple[Settings, int]:
        """Choose the bias of y, if there is one, so that a step of y is of moderate size."""
        if settings.raw or len(self.can.biases_y) == 1:
            return settings, step
        target = int(self.random.integers(-30, 30))
        bias = nearest(self.can.biases_y, settings.y_bias + step - target)
        return replace(settings, y_bias=bias), step + settings.y_bias - bias

    def on_grid(self, settings: Settings, unit: int) -> tuple[Settings, int]:
        """Choose the biases of a and w so that the accumulator's unit is 2^unit."""
        both = replace(settings, a_bias=0).grid_exponent(0) - unit
        bias_a = nearest(self.can.biases_a, both // 2)
        return replace(settings, a_bias=bias_a), nearest(self.can.biases_w, both - bias_a)

    def codes(self, pairs: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        """Return the operands of a job in which every sum is of these pairs."""
        a_codes = np.zeros((self.can.rows, max(len(pairs), 1)), np.uint8)
        w_codes = np.zeros((a_codes.shape[1], self.can.cols), np.uint8)
        for number, (a, w) in enumerate(pairs):
            a_codes[:, number], w_codes[number] = a, w
        return a_codes, w_codes
