"""ffp8_decode: every code of every split that the build holds."""

from cocotb.triggers import Timer

from model import Format, supported_splits
from tests.benches.control import known
from verif.simulator.checks import check
from verif.simulator.simulation import bench_test


def decoded(fmt: Format, code: int) -> dict[str, int]:
    """Return what the outputs have to be, by the header of the module.

    "`shift`: effective exponent max(E, 1), less 1"; "`significand`: fraction field, hidden bit
    included; right-aligned"; "its value is (-1)^sign * significand * 2^shift times the unit".
    """
    sign, magnitude = divmod(code, fmt.max_code + 1)
    field, trailing = divmod(magnitude, 2**fmt.fraction)
    significand = trailing + (2**fmt.fraction if field else 0)
    shift = max(field, 1) - 1
    assert (-1) ** sign * significand << shift == fmt.integers(code), "not what the model says"
    return {"sign": sign, "shift": shift, "significand": significand}


@bench_test()
async def every_code_of_every_split(dut):
    """Sign, shift and significand equal the definition, and that the model's integers."""
    checked = 0
    splits = supported_splits(int(dut.EXP_MAX.value))
    for split in splits:
        fmt = Format(*split, 0)
        dut.is_signed.value = fmt.sign
        dut.exponent_bits.value = fmt.exponent
        for code in range(256):
            dut.code.value = code
            await Timer(1, "ns")
            due = decoded(fmt, code)
            actual = {name: known(getattr(dut, name)) for name in due}
            check("decode.outputs", actual == due, f"{fmt} {code:#04x}: {actual}, not {due}")
            checked += 1
    assert checked == 256 * len(splits) > 0
    dut._log.info("checked %d codes", checked)
