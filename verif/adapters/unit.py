"""The adapter of `ffp8_unit`: a job is one dot product, its configuration comes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from cocotb.triggers import ClockCycles

from model import ACCUMULATORS
from verif.engine.streams import Port
from verif.environment.adapter import PinAdapter
from verif.environment.capabilities import FAILURES, Capabilities
from verif.environment.job import Job, Outcome
from verif.environment.settings import Settings

SETTINGS = tuple(field.name for field in fields(Settings))
FIRST = ("w_bias", "start", *SETTINGS)
"""Pins that count with the first pair of a dot product only."""

SETTLED = 20
"""Cycles after which what has moved at the boundary shows at the error pins."""


class UnitAdapter(PinAdapter):
    """Pins of `ffp8_unit`, whose parameters are read from it."""

    ports = {
        "in": Port(
            "in_valid", "in_ready", ("in_first", "in_last", "in_a", "in_w", *FIRST), "in_last"
        ),
        "out": Port("out_valid", "out_ready", ("out_result", "out_flags")),
    }

    def __init__(self, dut: Any, random: np.random.Generator) -> None:
        k_max = int(dut.K_MAX.value)
        can = Capabilities.of_build(
            exp_max=int(dut.EXP_MAX.value),
            k_max=k_max,
            accumulator=ACCUMULATORS[int(dut.ACCUMULATOR.value)],
            failures=tuple(name for name in FAILURES if "packet" not in name),
            latency=int(dut.PIPELINE.value) + 10,
            single=("in",) if k_max == 1 else (),
        )
        super().__init__(dut, can, random)
        self.begin()

    def begin(self) -> None:
        """Forget a dot product that is not complete."""
        self._first: Mapping[str, int] | None = None
        self._pairs: list[tuple[int, int]] = []
        self._raw: list[bool] = []  # of jobs whose result has not come

    def beats(self, job: Job) -> Iterator[tuple[str, dict[str, int]]]:
        """Yield the pairs of codes, with the configuration beside the first."""
        first = first_pins(job)
        pairs = zip(job.a_codes[0].tolist(), job.w_codes[:, 0].tolist(), strict=True)
        for number, (a, w) in enumerate(pairs):
            is_first = number == 0 and job.framing != "no first"
            is_last = number == job.k - 1 and job.framing != "no last"
            beat = {"in_first": int(is_first), "in_last": int(is_last), "in_a": a, "in_w": w}
            yield "in", beat | (first if is_first else {})

    def take(self, stream: str, payload: Mapping[str, int]) -> Iterator[Job | Outcome]:
        """Gather pairs into jobs; a result is an outcome."""
        if stream == "out":
            words = bool(self._raw) and self._raw.pop(0)
            result = np.array([[payload["out_result"]]], np.uint32 if words else np.uint8)
            yield result, np.array([[payload["out_flags"]]], np.uint8)
            return
        if payload["in_first"]:
            if self._pairs:
                yield self._job("no last" if self._first else "no first")
            self._first = payload
        self._pairs.append((payload["in_a"], payload["in_w"]))
        if payload["in_last"]:
            yield self._job("whole" if self._first else "no first")

    def _job(self, framing: str) -> Job:
        """Return the job of the pairs gathered."""
        values = self._first or dict.fromkeys(FIRST, 0)
        a_codes, w_codes = np.array(self._pairs, np.uint8).T
        names = {name: values[name] for name in SETTINGS}
        names |= {name: signed(names[name]) for name in ("a_bias", "y_bias")}
        settings, bias = Settings(**names), signed(values["w_bias"])
        job = Job(settings, a_codes[None], w_codes[:, None], (values["start"],), (bias,), framing)
        self._first, self._pairs = None, []
        if job.failure(self.can) is None:
            self._raw.append(bool(settings.raw))
        return job

    async def errors(self) -> set[str]:
        """Return the sticky errors at the pins."""
        await ClockCycles(self.dut.clk, SETTLED)
        names = ("config", "start", "packet", "length")
        return {name for name in names if int(getattr(self.dut, f"{name}_error").value)}


def first_pins(job: Job) -> dict[str, int]:
    """Return what goes with the first pair of a dot product, by pin."""
    return job.settings.pins() | {"w_bias": job.biases_w[0] & 0xFF, "start": job.starts[0]}


def signed(byte: int) -> int:
    """Return a byte as two's complement."""
    return byte - 256 if byte > 127 else byte
