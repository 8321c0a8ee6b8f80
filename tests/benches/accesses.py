"""Single accesses to the registers, and single cycles of the engine beside them."""

from __future__ import annotations

from tests.benches.lite import EFFECT, Bench, Traffic
from verif.engine.register_model import Write
from verif.engine.registers import REGISTERS

QUICK = (1.0,)
ALL_ONES = 2**32 - 1


def offset(name: str) -> int:
    """Return a register's address."""
    return REGISTERS[name].offset


async def write(bench: Bench, name: str, data: int, distance: int | None = None) -> None:
    """Write one word; at this distance, if any, the engine reports everything."""
    await Traffic(bench, [(offset(name), data, 15)], [], QUICK, distance).run()


async def read(bench: Bench, *names: str) -> list[int]:
    """Read registers, which is compared; return what they hold by the model."""
    await Traffic(bench, [], [offset(name) for name in names], QUICK).run()
    return [bench.model.words[name] for name in names]


async def tick(bench: Bench, **engine: int) -> None:
    """Let the engine do something for a cycle."""
    bench.engine(**engine)
    await bench.cycle()
    bench.step()
    bench.engine()


async def send_write(bench: Bench, name: str) -> None:
    """Offer a write of ones, let it take effect, and leave its answer waiting."""
    await offer_write(bench, name)
    await tick(bench)


async def offer_write(bench: Bench, name: str) -> None:
    """Offer a write of ones, which takes effect in the next cycle."""
    bench.pins.drive(
        s_axil_awvalid=1,
        s_axil_awaddr=offset(name),
        s_axil_wvalid=1,
        s_axil_wdata=ALL_ONES,
        s_axil_wstrb=15,
        s_axil_bready=0,
    )
    await tick(bench)
    bench.effects[bench.pins.cycles + EFFECT] = Write(name, ALL_ONES)
    bench.pins.drive(s_axil_awvalid=0, s_axil_wvalid=0)
