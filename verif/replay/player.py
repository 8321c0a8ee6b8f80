"""A simulator that plays jobs through the engine, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from verif.commands.folders import design_folder
from verif.engine.register_model import COUNTERS
from verif.engine.registers import REGISTERS
from verif.replay.build import Build
from verif.replay.job import DEPTHS, Job
from verif.simulator.checks import check
from verif.simulator.designs import Design
from verif.simulator.live import LiveSimulation
from verif.simulator.simulation import SimulationError, build_design, chosen_simulator

TOPLEVEL = "ffp8_replay"
BENCH = "verif.replay.player_bench"
VERILOG = Path(__file__).parent / "verilog"
RULES = (
    "TLAST is not with a tile's last row",
    "TKEEP keeps neither codes nor words",
    "a byte that TKEEP drops is not null",
    "an offered row was withdrawn",
    "an offered row changed while it waited",
    "a bit is unknown",
)
"""Of m_axis_y, as `replay_recorder` numbers them."""

COUNTED = [f"{name}{half}" for name in COUNTERS for half in ("", "_HIGH")]


@dataclass(frozen=True)
class Pauses:
    """In how many cycles the streams pause, in 1/65536, and the seed of which.

    Results do not depend on it.
    """

    c: int = 0
    a: int = 0
    w: int = 0
    y: int = 0
    seed: int = 1

    @property
    def word(self) -> int:
        """As the players take it."""
        return self.c | self.a << 16 | self.w << 32 | self.y << 48


NO_PAUSES = Pauses()


@dataclass(frozen=True, eq=False)
class Played:
    """What the engine made of a job.

    Attributes
    ----------
    results
        (tiles, ROWS, COLS): codes (uint8), or binary32 words (uint32).
    flags
        (tiles, ROWS, COLS) uint8.
    registers
        Words of TILES_DONE, ERRORS, FLAGS and the counters afterwards, by name; the counters,
        lower case, of 64 bits.
    broken
        Rules of m_axis_y that were broken, a bit each, see `RULES`.
    rows
        Rows that came, of those of all tiles.
    refused
        Accesses to registers that were not answered with OKAY.
    seconds
        That the simulator took.
    """

    results: np.ndarray
    flags: np.ndarray
    registers: dict[str, int]
    broken: int
    rows: int
    refused: int
    seconds: float = 0.0

    def check_end(self, tiles: int) -> None:
        """See that the engine has done what it was asked for, beside the results themselves.

        Raises
        ------
        CheckError
            At the first thing that is wrong.
        """
        registers = self.registers
        errors = REGISTERS["ERRORS"].unpack(registers["ERRORS"])
        wrong = [name for name, bit in errors.items() if bit]
        check("played.errors", not wrong, f"the engine reports errors: {', '.join(wrong)}")
        expected = self.results.shape[0] * self.results.shape[1]
        check("played.rows", self.rows == expected, f"{self.rows} rows came, not {expected}")
        broken = [rule for bit, rule in enumerate(RULES) if self.broken >> bit & 1]
        check("played.rules", not broken, "; ".join(broken))
        refused = f"{self.refused} accesses to registers were not answered with OKAY"
        check("played.answers", not self.refused, refused)
        done = registers["TILES_DONE"]
        check("played.tiles_done", done == tiles, f"TILES_DONE {done} after {tiles} tiles")
        sticky = int(np.bitwise_or.reduce(self.flags, axis=None))
        shown = registers["FLAGS"]
        check("played.flags", shown == sticky, f"FLAGS {shown:#b}, results had {sticky:#b}")


def replay_design(build: Build, simulator: str) -> Design:
    """Return the engine between its players, for a simulator to build.

    Sums are exact however many segments an accumulator has; Icarus Verilog is a fifth faster with
    one, Verilator is not.
    """
    sources = [*design_folder().absolute().glob("*.v"), *VERILOG.glob("*.v")]
    segment = {"SEGMENT": build.width} if simulator == "icarus" else {}
    return Design(TOPLEVEL, build.parameters | segment | DEPTHS, sorted(sources), long=True)


class Player:
    """A simulator that computes one job after the other.

    Parameters
    ----------
    build
        The engine's parameters.
    folder
        Where it works; emptied first.
    """

    def __init__(self, build: Build, folder: Path) -> None:
        self.build, self.folder = build, folder
        design = replay_design(build, chosen_simulator())
        self._simulation = LiveSimulation(design, build_design(design), BENCH, folder)

    def run(self, job: Job, pauses: Pauses = NO_PAUSES) -> Played:
        """Compute a job.

        Raises
        ------
        LostSimulatorError
            If the simulator was killed.
        SimulationError
            If it did not compute the job for another reason.
        """
        for name, array in (("a", job.a), ("w", job.w), ("c", job.c), ("program", job.program)):
            np.ascontiguousarray(array).tofile(self.folder / f"{name}.bin")
        fields = {"before": _before(job), "after": _after(), "tiles": len(job.program)}
        fields |= {f"{name}_words": len(getattr(job, name)) for name in ("a", "w", "c")}
        longest = int(job.program["k"].max())
        fields |= {"raw": int(job.raw), "patience": 10_000 + 20 * longest}
        answer = self._simulation.ask(fields | {"seed": pauses.seed, "pauses": pauses.word})
        if not answer["job_loaded"]:
            raise SimulationError(f"{self.folder}: the simulator could not read a job's operands")
        return self._played(job, answer)

    def _played(self, job: Job, answer: dict[str, Any]) -> Played:
        rows, cols = job.shape
        tiles = len(job.program)
        size = 4 * -(-(35 if job.raw else 11) * cols // 32)
        records = np.zeros((tiles * rows, size), np.uint8)
        came = np.fromfile(self.folder / "y.bin", np.uint8)[: records.size]
        if len(came) < min(answer["rows"], len(records)) * size:
            raise SimulationError(f"{self.folder / 'y.bin'} is cut off: is the disk full?")
        records.reshape(-1)[: len(came)] = came
        data, user = np.split(records, [4 * cols if job.raw else cols], axis=1)
        results = np.ascontiguousarray(data).view("<u4") if job.raw else data
        answers = [*answer["before"], *answer["after"]]
        words = dict(zip(READ, (word for _, word in answer["after"][1:]), strict=True))
        counters = {
            name.lower(): words.pop(name) + (words.pop(f"{name}_HIGH") << 32) for name in COUNTERS
        }
        return Played(
            results.reshape(tiles, rows, cols),
            _flags(user, cols).reshape(tiles, rows, cols),
            words | counters,
            answer["broken"],
            answer["rows"],
            sum(response != 0 for response, _ in answers),
            answer["seconds"],
        )

    def close(self) -> None:
        """End the simulator in good order."""
        self._simulation.close()

    def kill(self) -> None:
        """End it at once."""
        self._simulation.kill()


READ = ("TILES_DONE", "ERRORS", "FLAGS", *COUNTED)

Access = list[int | None]


def _write(name: str, **fields: int) -> Access:
    return [REGISTERS[name].offset, REGISTERS[name].pack(**fields)]


def _before(job: Job) -> Sequence[Access]:
    """Return the accesses that begin a job: counters and sticky bits clear, formats set."""
    sticky = [[REGISTERS[name].offset, 0xFFFFFFFF] for name in ("ERRORS", "FLAGS")]
    writes = [_write(name, **fields) for name, fields in job.configuration.register_writes()]
    return [*sticky, _write("CONTROL", soft_reset=1), *writes]


def _after() -> Sequence[Access]:
    return [_write("CONTROL", snapshot=1), *([REGISTERS[name].offset, None] for name in READ)]


def _flags(user: np.ndarray, cols: int) -> np.ndarray:
    """Return the flags of rows, (rows, COLS) uint8, from their bits, (rows, bytes)."""
    bits = np.unpackbits(user, axis=1, count=3 * cols, bitorder="little")
    low, middle, high = (bits[:, place::3] for place in range(3))
    return low | middle << 1 | high << 2
