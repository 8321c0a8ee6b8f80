"""What proves that bins of the registers can never be hit: the rules, by all that they allow."""

from collections.abc import Iterator
from itertools import product
from types import SimpleNamespace

from verif.coverage.registers.moments import WRITES, kinds_of
from verif.engine.lite import LiteMonitor, Seen, Sent
from verif.engine.register_model import RegisterModel, Write
from verif.engine.registers import REGISTERS
from verif.simulator.checks import CheckError

ASK = Write("CONTROL", REGISTERS["CONTROL"].pack(soft_reset=1))
CYCLES = 5
BUILD = {"EXP_MAX": 3, "ROWS": 3, "COLS": 5, "K_MAX": 9, "PIPELINE": 1, "ACCUMULATOR": 0}
PINS = ("awaddr", "wdata", "wstrb", "bresp", "araddr", "rdata", "rresp")
PINS += tuple(
    f"{channel}{pin}" for channel in ("aw", "w", "b", "ar", "r") for pin in ("valid", "ready")
)


class Level(int):
    """A pin's value that is neither X nor Z."""

    is_resolvable = True


def patterns(*inputs: str) -> Iterator[list[Seen]]:
    """Yield what a monitor sees under every pattern of some pins that keeps the rules."""
    for pattern in product(product((0, 1), repeat=len(inputs)), repeat=CYCLES):
        dut = SimpleNamespace(
            **{
                f"s_axil_{name}": SimpleNamespace(value=Level(name.endswith("ready")))
                for name in PINS
            }
        )
        monitor, seen = LiteMonitor(dut), []
        try:
            for values in pattern:
                for name, value in zip(inputs, values, strict=True):
                    getattr(dut, f"s_axil_{name}").value = Level(value)
                seen.append(monitor.sample())
        except CheckError:  # not what a design may do, or does in this state
            continue
        yield seen


def distances(cycles: list[int]) -> list[int]:
    """Return how far each cycle is from the one before."""
    return [after - before for before, after in zip(cycles, cycles[1:], strict=False)]


def test_two_writes_are_two_cycles_apart() -> None:
    found = []
    for seen in patterns("awvalid", "wvalid", "bvalid"):
        found += distances([place for place, one in enumerate(seen) if one.effect is not None])
    assert min(found) == 2 and len(found) > 10


def test_two_reads_are_two_cycles_apart() -> None:
    found = []
    for seen in patterns("arvalid", "rvalid", "rready"):
        found += distances([place for place, one in enumerate(seen) if one.read is not None])
    assert min(found) == 2 and len(found) > 10


def test_a_write_is_of_one_kind() -> None:
    found = {
        frozenset(kinds_of(Sent(address, data, strobe)))
        for address in range(256)
        for data in (0, 1, 2, 3, 2**32 - 1)
        for strobe in range(16)
    }
    several = {kinds for kinds in found if len(kinds) > 1}
    assert several == {frozenset(WRITES[:2])}
    assert frozenset().union(*found) == set(WRITES)


def test_an_error_leaves_no_request() -> None:
    quiet = dict.fromkeys(("flags_set", "tile_done", "pair", "occupied", "gated"), 0)
    for errors, pending, answered, write in product(range(1, 16), (0, 1), (0, 1), (None, ASK)):
        model = RegisterModel(BUILD)
        model.words["CONTROL"] = pending
        model.step(quiet | {"errors_set": errors, "resume": answered}, write)
        assert model.words["CONTROL"] == 0
        model.step(quiet | {"errors_set": 0, "resume": 0}, ASK)
        assert model.words["CONTROL"] == 1


def test_two_answers_in_a_row_show_as_one() -> None:
    """Answered twice, by a request that came with the first answer, or once by the second."""
    ends = set()
    for first in (0, 1):
        model = RegisterModel(BUILD)
        quiet = dict.fromkeys(("errors_set", "flags_set", "pair", "occupied", "gated"), 0)
        for _ in range(3):
            model.step(quiet | {"tile_done": 1, "resume": 0}, None)
        model.step(quiet | {"tile_done": 0, "resume": 0}, ASK)
        model.step(quiet | {"tile_done": 0, "resume": first}, ASK)
        shown = model.words["CONTROL"], model.irq()
        model.step(quiet | {"tile_done": 0, "resume": 1}, None)
        ends.add((shown, model.state()))
    assert len(ends) == 1
