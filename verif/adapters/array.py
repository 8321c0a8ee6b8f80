"""The adapter of `ffp8_array`: a job is a tile, its outcome the accumulators themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from model import ACCUMULATORS
from verif.engine import floats
from verif.engine.stored import StoredForm
from verif.engine.streams import Port
from verif.environment.adapter import PinAdapter
from verif.environment.capabilities import Capabilities, splits_up_to
from verif.environment.job import Job, Outcome
from verif.environment.settings import Build, Settings, binary32_word, start_units
from verif.simulator.checks import check

LONGEST = 64
"""Beats of the longest tile that is sent; the array itself counts none."""

FORMATS = ("a_signed", "a_exponent_bits", "w_signed", "w_exponent_bits")


class ArrayAdapter(PinAdapter):
    """Pins of `ffp8_array`; exact accumulators have to be wide enough for `LONGEST` products.

    Sums are in units of the products. Start values, which binary32 accumulators alone have, are
    in the same units on the pins, and those of formats of bias 0 in a job.
    """

    ports = {
        "beat": Port(
            "beat_valid",
            "beat_ready",
            ("beat_first", "beat_last", "a_codes", "w_codes", "starts", *FORMATS),
            "beat_last",
        ),
        "row": Port("row_valid", "row_ready", ("row_last", "row_sums"), "row_last"),
    }

    def __init__(self, dut: Any, random: np.random.Generator) -> None:
        exp_max = int(dut.EXP_MAX.value)
        splits = splits_up_to(exp_max)
        self.form = StoredForm(int(dut.ACC_WIDTH.value), int(dut.SEGMENT.value))
        accumulator = ACCUMULATORS[int(dut.ACCUMULATOR.value)]
        self.build = Build(exp_max, self.form.width, accumulator)
        self.bits = self.form.bits if self.build.is_exact else floats.BITS
        stored = int(dut.STORED.value)
        text = f"sums have {stored} bits, {self.bits} are expected"
        check("array_adapter.stored", stored == self.bits, text)
        rows = int(dut.ROWS.value)
        can = Capabilities(
            rows=rows,
            cols=int(dut.COLS.value),
            k_max=LONGEST,
            splits_a=splits,
            splits_w=splits,
            splits_y=((0, 0),),
            exp_max=exp_max,
            width=self.form.width,
            accumulator=accumulator,
            biases_a=(0,),
            biases_w=(0,),
            biases_y=(0,),
            outputs=("sums",),
            roundings=("rne",),
            clamps=False,
            starts=not self.build.is_exact,
            flags=0,
            sources=("beat",),
            sinks=("row",),
            stallable=("beat", "row"),
            latency=int(dut.PIPELINE.value) + 3,
            back_to_back=rows,
        )
        super().__init__(dut, can, random)
        self.begin()

    def begin(self) -> None:
        """Forget a tile that is not complete."""
        self._beats: list[Mapping[str, int]] = []
        self._rows: list[list[int]] = []

    def beats(self, job: Job) -> Iterator[tuple[str, dict[str, int]]]:
        """Yield a beat for each k, the formats with each of them."""
        formats = {name: getattr(job.settings, name) for name in FORMATS}
        for k in range(job.k):
            beat = {
                "beat_first": int(k == 0),
                "beat_last": int(k == job.k - 1),
                "a_codes": int.from_bytes(job.a_codes[:, k].tobytes(), "little"),
                "w_codes": int.from_bytes(job.w_codes[k].tobytes(), "little"),
            }
            starts = {"starts": self._packed(job)} if k == 0 and self.can.starts else {}
            yield "beat", formats | beat | starts

    def _packed(self, job: Job) -> int:
        """Return the start values as the pins carry them."""
        grid = job.settings.grid_exponent(0)
        numbers = [floats.pack(start_units(word, grid, self.build)) for word in job.starts]
        return sum(bits << floats.BITS * col for col, bits in enumerate(numbers))

    def _unpacked(self, starts: int, settings: Settings) -> tuple[int, ...]:
        """Return the start words of what the pins carry."""
        if not self.can.starts:
            return (0,) * self.can.cols
        unit = Fraction(2) ** settings.grid_exponent(0)
        numbers = self._columns(starts, floats.BITS)
        return tuple(
            binary32_word(np.float32(float(floats.unpack(bits) * unit))) for bits in numbers
        )

    def _columns(self, bits: int, width: int) -> list[int]:
        return [bits >> width * col & (1 << width) - 1 for col in range(self.can.cols)]

    def _value(self, stored: int) -> int | Fraction:
        """Return what an accumulator stands for; a float has one form only."""
        if self.build.is_exact:
            return self.form.value(stored)
        value = floats.unpack(stored)
        normalised = floats.pack(value) == stored
        text = f"not normalised: {floats.text(stored)}"
        check("array_adapter.normalised", normalised, text)
        return value

    def take(self, stream: str, payload: Mapping[str, int]) -> Iterator[Job | Outcome]:
        """Gather beats into a job, and rows into an outcome."""
        can = self.can
        if stream == "row":
            stored = self._columns(payload["row_sums"], self.bits)
            self._rows.append([self._value(one) for one in stored])
            if payload["row_last"]:
                rows, self._rows = np.array(self._rows, object), []
                yield rows, np.zeros(rows.shape, np.uint8)
            return
        if payload["beat_first"]:
            assert not self._beats, "a tile begins inside of another"
        self._beats.append(payload)
        if payload["beat_last"]:
            beats, self._beats = self._beats, []
            a = [beat["a_codes"].to_bytes(can.rows, "little") for beat in beats]
            w = [beat["w_codes"].to_bytes(can.cols, "little") for beat in beats]
            values = dict.fromkeys(Settings.__dataclass_fields__, 0)
            settings = Settings(**values | {name: beats[0][name] for name in FORMATS})
            a_codes, w_codes = (
                np.array([list(one) for one in codes], np.uint8) for codes in (a, w)
            )
            starts = self._unpacked(beats[0]["starts"], settings)
            yield Job(settings, a_codes.T, w_codes, starts, (0,) * can.cols)
