"""ffp8_registers: every bit of every register, over a bus at every pace, beside a busy engine."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import product

import cocotb
from cocotb.triggers import ClockCycles, FallingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from tests.benches.accesses import ALL_ONES, QUICK, offset, read, send_write, tick, write
from tests.benches.lite import EVERYTHING, LITE, NAMES, UNALIGNED, UNKNOWN, Bench, Traffic
from verif.engine.driver import stalls
from verif.engine.register_model import COUNTERS, Write
from verif.engine.registers import REGISTERS
from verif.environment.draw import choose
from verif.simulator.checks import check
from verif.simulator.simulation import bench_test

ROUNDS = 4
STICKY = ("ERRORS", "FLAGS", "IRQ_STATUS")


@bench_test()
async def every_bit(dut):
    """Each bit is written alone and left out alone; read-only and unknown ones stay."""
    bench, checked = Bench(dut, LITE), 0
    await bench.reset()
    for name, register in REGISTERS.items():
        patterns = [ALL_ONES, 0]
        if register.access != "ro":
            bits = [1 << bit for bit in range(32)]
            patterns += bits + [ALL_ONES ^ bit for bit in bits]
        for data in patterns:
            if name in STICKY:
                await tick(bench, **EVERYTHING)
            await write(bench, name, data)
            if bench.model.words["CONTROL"]:
                await tick(bench, resume=1)
            await read(bench, name)
            checked += 1
    await read(bench, *REGISTERS)
    writable = sum(register.access != "ro" for register in REGISTERS.values())
    assert checked == 2 * len(REGISTERS) + 64 * writable and writable == 11


@bench_test()
async def what_sets_which_sticky_bit(dut):
    """Set each sticky bit alone by what the engine reports, see irq, and clear it."""
    bench, checked = Bench(dut, LITE), 0
    await bench.reset()
    reports = [{"errors_set": 1 << bit} for bit in range(4)]
    reports += [{"flags_set": 1 << bit} for bit in range(3)] + [{"tile_done": 1}]
    for enabled in range(4):
        await write(bench, "IRQ_ENABLE", enabled)
        for report in reports:
            await tick(bench, **report)
            words = await read(bench, *STICKY)
            error = int("errors_set" in report)
            irq = REGISTERS["IRQ_STATUS"].pack(tile_done=report.get("tile_done", 0), error=error)
            assert words == [report.get("errors_set", 0), report.get("flags_set", 0), irq]
            assert bench.model.outputs()["irq"] == (irq & enabled != 0)
            for name in STICKY:
                await write(bench, name, ALL_ONES)
            checked += 1
    assert checked == 4 * 8


@bench_test()
async def traffic_beside_a_busy_engine(dut):
    """Answer accesses at every pace while the engine reports and counts in the same cycles."""
    bench = Bench(dut, LITE)
    random = bench.random
    addresses, some = [*NAMES, *[offset("CONTROL")] * 4], UNKNOWN[:3] + UNKNOWN[-3:]
    some += [offset("CONTROL") + 1, offset("ERRORS") + 2, offset("FORMAT_A") + 3]
    met: Counter[str] = Counter()
    for _ in range(ROUNDS):
        await bench.reset()
        await read(bench, *REGISTERS)
        bench.lively = True
        writes = [
            (choose(random, addresses * 3 + some), int(random.integers(2**32)), strobe)
            for strobe in random.integers(16, size=80).tolist()
        ]
        reads = [choose(random, addresses + some) for _ in range(120)]
        traffic = Traffic(bench, writes, reads)
        assert len(await traffic.run()) == len(reads) > 0
        met.update(address_first=traffic.address_first, data_first=traffic.data_first)
        met.update(resumes=bench.resumes)
        bench.lively = False
        bench.engine(resume=bench.model.words["CONTROL"])
    stalled = {"write": bench.written.stalled, "read": bench.read.stalled}
    assert min(met.values()) > 0 and min(stalled.values()) > 0
    assert bench.written.moved == ROUNDS * 80 and bench.read.moved == ROUNDS * (
        120 + len(REGISTERS)
    )


@bench_test()
async def unknown_addresses(dut):
    """Every address that is not a register's gives an error, reads as 0 and changes nothing."""
    bench = Bench(dut, LITE)
    await bench.reset()
    await tick(bench, **EVERYTHING)
    addresses = [*UNKNOWN, *UNALIGNED]
    await Traffic(bench, [(address, ALL_ONES, 15) for address in addresses], addresses, QUICK).run()
    words = bench.model.words
    await read(bench, *REGISTERS)
    assert all(words[name] == REGISTERS[name].mask() for name in STICKY)
    assert bench.written.moved == len(addresses) == 256 - len(NAMES)


@bench_test()
async def setting_wins_over_clearing(dut):
    """Sticky bits that are set in the cycle in which they are cleared stay set."""
    bench = Bench(dut, LITE)
    await bench.reset()
    for name in STICKY:
        mask = REGISTERS[name].mask()
        for high, distance in product((True, False), (None, 0, 1)):
            if high:
                await tick(bench, **EVERYTHING)
            await write(bench, name, ALL_ONES, distance)
            await tick(bench)
            assert await read(bench, name) == [0 if distance is None else mask]
            bench.collision = None
            await write(bench, name, ALL_ONES)


@bench_test()
async def a_clear_acts_once_however_long_its_answer_waits(dut):
    """Keep what is set while the answer to the clearing write waits."""
    bench = Bench(dut, LITE)
    await bench.reset()
    for name, wait in product(STICKY, (1, 2, 5)):
        await tick(bench, **EVERYTHING)
        await send_write(bench, name)
        for _ in range(wait):
            await tick(bench)
        assert bench.model.words[name] == 0, "the write has not taken effect"
        await tick(bench, **EVERYTHING)
        await tick(bench)
        bench.pins.drive(s_axil_bready=1)
        await tick(bench)
        bench.pins.drive(s_axil_bready=0)
        assert await read(bench, name) == [REGISTERS[name].mask()]


@bench_test()
async def reset_takes_answers_back(dut):
    """After rst no answer is offered, whether one waited, had just come, or was on its way."""
    bench, waited = Bench(dut, LITE), Counter()
    await bench.reset()
    for cycles in range(6):
        await send_write(bench, "FORMAT_A")
        bench.pins.drive(s_axil_arvalid=1, s_axil_araddr=offset("ID"), s_axil_rready=0)
        for _ in range(cycles):
            sample = await bench.cycle()
            waited.update(b=sample.s_axil_bvalid, r=sample.s_axil_rvalid)
            bench.step()
            bench.pins.drive(s_axil_arvalid=0)
        await bench.reset()
        bench.pins.drive(s_axil_bready=0, s_axil_rready=0)
        for _ in range(4):
            bench.answers(await bench.cycle(), b=False, r=False)
            bench.step()
        assert await read(bench, "ID", "FORMAT_A") == [REGISTERS["ID"].reset, 0]
    for address in (UNKNOWN[0], offset("ID")):  # answers that are errors, and one with data
        await Traffic(bench, [(address, ALL_ONES, 15)], [address], QUICK).run()
        await bench.reset()
        sample = await bench.cycle()
        shown = sample.s_axil_bresp, sample.s_axil_rresp, sample.s_axil_rdata
        check("registers.answers_after_reset", not any(shown), f"answers {shown}")
        bench.step()
    assert min(waited["b"], waited["r"]) > 0


@bench_test()
async def an_error_drops_a_request_for_a_soft_reset(dut):
    """Drop one that took effect before the error or in its cycle; keep one that comes later."""
    bench = Bench(dut, LITE)
    await bench.reset()
    request = REGISTERS["CONTROL"].pack(soft_reset=1)
    for distance in (None, 0, 1, 2):
        await write(bench, "CONTROL", request, distance)
        for _ in range(3):
            bench.engine(**EVERYTHING if bench.collision == bench.pins.cycles + 1 else {})
            await bench.cycle()
            bench.step()
        bench.collision = None
        assert await read(bench, "CONTROL") == [request if distance is None else 0]
        await tick(bench, resume=1)
        await tick(bench, **EVERYTHING)
        await write(bench, "CONTROL", request)
        assert await read(bench, "CONTROL") == [request]
        await tick(bench, resume=1)
        assert await read(bench, "CONTROL") == [0]


@bench_test()
async def soft_reset_and_counters(dut):
    """Snapshots are of one cycle; the answer to a soft reset clears what it has to."""
    bench = Bench(dut, LITE)
    await bench.reset()
    bench.lively = True
    for _ in range(210):
        await bench.cycle()
        bench.step()
    bench.lively = False
    bench.engine(pair=1, gated=bench.parameters["ROWS"] * bench.parameters["COLS"])
    await write(bench, "CONTROL", REGISTERS["CONTROL"].pack(snapshot=1))
    halves = await read(bench, *COUNTERS, *(f"{name}_HIGH" for name in COUNTERS))
    low, high = halves[: len(COUNTERS)], halves[len(COUNTERS) :]
    totals = {name: low[i] | high[i] << 32 for i, name in enumerate(COUNTERS)}
    assert totals["CYCLES"] == totals["BUSY"] + totals["STALLED"] + totals["IDLE"] > 200
    macs = bench.parameters["ROWS"] * bench.parameters["COLS"]
    assert totals["MACS"] == totals["BUSY"] * macs > 0 and min(totals.values()) > 0
    assert (totals["MACS"] > 2**32 and totals["GATED"] > 2**32) == (macs > 2**28)

    kept = {name: bench.model.words[name] for name in (*STICKY, "FORMAT_A")}
    await write(bench, "CONTROL", REGISTERS["CONTROL"].pack(soft_reset=1))
    await write(bench, "CONTROL", 0)
    assert await read(bench, "CONTROL") == [REGISTERS["CONTROL"].pack(soft_reset=1)]
    assert bench.model.words["TILES_DONE"] > 0 and kept["ERRORS"] > 0
    await tick(bench, resume=1)
    await tick(bench)
    await write(bench, "CONTROL", REGISTERS["CONTROL"].pack(snapshot=1))
    names = ("CONTROL", "TILES_DONE", "MACS", "BUSY", "STALLED", "GATED")
    assert await read(bench, *names) == [0] * len(names)
    (cycles,) = await read(bench, "CYCLES")
    assert 0 < cycles < 10
    assert await read(bench, *kept) == list(kept.values())


@bench_test()
async def counters_of_a_long_run(dut):
    """Every bit of every counter is counted up to, and read: they are set close to where it is."""
    bench, checked = Bench(dut, LITE), 0
    await bench.reset()
    control, largest = REGISTERS["CONTROL"], bench.parameters["ROWS"] * bench.parameters["COLS"]
    names = ["TILES_DONE", *COUNTERS, *(f"{name}_HIGH" for name in COUNTERS)]
    for bit in range(1, 64):
        carried = {name: (1 << bit) - 1 for name in COUNTERS}  # the next count carries this far
        others = {name: int(bench.random.integers(2**63)) for name in COUNTERS}
        for values in (carried, others):
            await FallingEdge(dut.clk)
            for name, value in values.items():
                getattr(dut, f"{name.lower()}_q").value = value
            bench.model.preset(**values)
            bench.model.words["TILES_DONE"] = values["CYCLES"] & ALL_ONES >> 1
            dut.tiles_done_q.value = bench.model.words["TILES_DONE"]
            for engine in ({"pair": 1}, {"occupied": 1}, {"tile_done": 1}):
                await tick(bench, gated=int(bench.random.integers(largest + 1)), **engine)
            await write(bench, "CONTROL", control.pack(snapshot=1))
            for _ in range(int(bench.random.integers(4))):  # it holds, whenever it is read
                await tick(bench)
            await read(bench, *names)
            checked += 1
    assert checked == 2 * 63


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_master_with_accesses_on_the_way(dut):
    """Answer every access, in order, of a master that has several on the way."""
    bench = Bench(dut)
    logging.getLogger(f"cocotb.{dut._name}.s_axil").setLevel(logging.WARNING)
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
    write_side, read_side = master.write_if, master.read_if
    for channel in (write_side.aw_channel, write_side.w_channel, write_side.b_channel):
        channel.set_pause_generator(stalls(bench.random, 0.4))
    for channel in (read_side.ar_channel, read_side.r_channel):
        channel.set_pause_generator(stalls(bench.random, 0.4))
    await bench.reset()
    words, idle = bench.model, dict.fromkeys(("errors_set", "flags_set", "tile_done"), 0)
    idle |= {"resume": 0, "pair": 0, "occupied": 0, "gated": 0}
    names = [name for name in REGISTERS if REGISTERS[name].mask("rw")]
    checked = 0
    for _ in range(30):
        writes, reads = [], []
        for name in [choose(bench.random, [*REGISTERS][:18]) for _ in range(6)]:
            count = int(bench.random.integers(1, 5))
            data = bench.random.bytes(count)
            if name == "CONTROL":
                continue
            writes.append(master.init_write(offset(name), data))
            words.step(idle, Write(name, int.from_bytes(data, "little"), 2**count - 1))
            reads.append(master.init_read(offset("ID"), 4))
        writes.append(master.init_write(choose(bench.random, UNKNOWN), b"\xff" * 4))
        for event in (*writes, *reads):
            await event.wait()
        told = [event.data.resp for event in writes]
        due = [AxiResp.OKAY] * (len(writes) - 1) + [AxiResp.SLVERR]
        check("registers.write_answers", told == due, f"{told}, to be {due}")
        answers = [event.data for event in reads]
        answers += [await master.read(offset(name), 4) for name in names]
        told = [(answer.resp, int.from_bytes(answer.data, "little")) for answer in answers]
        held = [words.words[name] for name in ["ID"] * len(reads) + names]
        due = [(AxiResp.OKAY, word) for word in held]
        check("registers.read_answers", told == due, f"{told}, to be {due}")
        checked += len(names)
    assert checked == 30 * len(names) > 0
    await ClockCycles(dut.clk, 20)
