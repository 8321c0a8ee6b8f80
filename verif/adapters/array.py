"""The adapter of `ffp8_array`: a job is a tile, its outcome the sums themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from verif.environment.adapter import PinAdapter
from verif.environment.capabilities import Capabilities, splits_up_to
from verif.environment.job import Job, Outcome
from verif.environment.settings import Settings
from verif.environment.streams import Port
from verif.stored import StoredForm

LONGEST = 64
"""Beats of the longest tile that is sent; the array itself counts none."""

FORMATS = ("a_signed", "a_exponent_bits", "w_signed", "w_exponent_bits")


class ArrayAdapter(PinAdapter):
    """Pins of `ffp8_array` with exact accumulators, wide enough for `LONGEST` products."""

    ports = {
        "beat": Port(
            "beat_valid",
            "beat_ready",
            ("beat_first", "beat_last", "a_codes", "w_codes", *FORMATS),
            "beat_last",
        ),
        "row": Port("row_valid", "row_ready", ("row_last", "row_sums"), "row_last"),
    }

    def __init__(self, dut: Any, random: np.random.Generator) -> None:
        exp_max = int(dut.EXP_MAX.value)
        splits = splits_up_to(exp_max)
        self.form = StoredForm(int(dut.ACC_WIDTH.value), int(dut.SEGMENT.value))
        can = Capabilities(
            rows=int(dut.ROWS.value),
            cols=int(dut.COLS.value),
            k_max=LONGEST,
            splits_a=splits,
            splits_w=splits,
            splits_y=((0, 0),),
            exp_max=exp_max,
            width=self.form.width,
            biases_a=(0,),
            biases_w=(0,),
            biases_y=(0,),
            outputs=("sums",),
            roundings=("rne",),
            clamps=False,
            starts=False,
            flags=0,
            sources=("beat",),
            sinks=("row",),
            stallable=("beat", "row"),
            latency=int(dut.PIPELINE.value) + 3,
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
            yield (
                "beat",
                formats
                | {
                    "beat_first": int(k == 0),
                    "beat_last": int(k == job.k - 1),
                    "a_codes": int.from_bytes(job.a_codes[:, k].tobytes(), "little"),
                    "w_codes": int.from_bytes(job.w_codes[k].tobytes(), "little"),
                },
            )

    def take(self, stream: str, payload: Mapping[str, int]) -> Iterator[Job | Outcome]:
        """Gather beats into a job, and rows into an outcome."""
        can = self.can
        if stream == "row":
            bits, sums = self.form.bits, payload["row_sums"]
            stored = [sums >> bits * c & (1 << bits) - 1 for c in range(can.cols)]
            self._rows.append([self.form.value(one) for one in stored])
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
            yield Job(settings, a_codes.T, w_codes, (0,) * can.cols, (0,) * can.cols)
