"""Jobs whose totals lie between two results that can be given, where rounding is decided."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from verif.environment import operands
from verif.environment.draw import choose
from verif.environment.job import Job
from verif.environment.placing import Placing
from verif.environment.settings import binary32_word


class Landings(Placing):
    """Makes totals land."""

    def landed(self, job: Job, landing: tuple[str, str], negative: bool | None) -> Job:
        """Set biases, start values and operands so that every total lands where it is to.

        The lower result and the quarters of a step above it come in as start value and as
        products of one unit; where the design has no start values, all of it as products.
        """
        position, region = landing
        settings, fmt_y = job.settings, job.settings.format_y()
        if fmt_y is None:
            significand, step = operands.binary32_landing(self.random, position, region)
        else:
            significand, step = operands.code_landing(self.random, fmt_y, position, region)
        quarters = choose(self.random, operands.quarters_of(position, fmt_y is None))
        negative = self.negative(settings, negative)
        can = self.can
        if not can.starts or len(can.biases_a) == len(can.biases_w) == 1:
            return self._as_products(job, 4 * significand + quarters, step - 2, negative)
        settings, step = self.centred(settings, step)
        settings, bias_w = self.on_grid(settings, step - 2)
        a_codes, w_codes = np.zeros_like(job.a_codes), np.zeros_like(job.w_codes)
        whole = significand * 4
        if negative and not (settings.a_signed or settings.w_signed):
            whole += quarters
        else:
            parts = operands.small_codes(settings.format_w(0), quarters)
            a_codes[:, : len(parts)] = 0x81 if negative and settings.a_signed else 1
            for number, code in enumerate(parts):
                w_codes[number] = code | (0x80 if negative and not settings.a_signed else 0)
        value = math.ldexp(-whole if negative else whole, step - 2)
        starts = (binary32_word(np.float32(value)),) * can.cols
        return Job(settings, a_codes, w_codes, starts, (bias_w,) * can.cols)

    def _as_products(self, job: Job, units: int, exponent: int, negative: bool) -> Job:
        """Return a job whose every total is units * 2^exponent, as products alone."""
        settings = job.settings
        exponent -= settings.grid_exponent(job.biases_w[0])
        formats = settings.format_a(), settings.format_w(0)
        total = units << exponent if exponent >= 0 else units >> -exponent
        pairs = operands.products(*formats, total, self.can.k_max)
        minus_a, minus_w = operands.minus(*formats) if negative else (0, 0)
        a_codes, w_codes = self.codes([(a | minus_a, w | minus_w) for a, w in pairs])
        starts = (0,) * self.can.cols
        return replace(job, a_codes=a_codes, w_codes=w_codes, starts=starts)
