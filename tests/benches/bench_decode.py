"""ffp8_decode: every code of every split that the build holds."""

import cocotb
from cocotb.triggers import Timer

from model import Format, supported_splits


@cocotb.test()
async def every_code_of_every_split(dut):
    """Sign, shift and significand equal the definition, and the integer the model's."""
    checked = 0
    splits = supported_splits(int(dut.EXP_MAX.value))
    for sign, exponent, fraction in splits:
        integers = Format(sign, exponent, fraction, 0).integers(range(256))
        dut.is_signed.value = sign
        dut.exponent_bits.value = exponent
        for code in range(256):
            dut.code.value = code
            await Timer(1, "ns")
            magnitude = code & 0x7F if sign else code
            field, trailing = magnitude >> fraction, magnitude & (2**fraction - 1)
            assert int(dut.shift.value) == max(field, 1) - 1
            assert int(dut.significand.value) == (
                trailing if field == 0 else 2**fraction + trailing
            )
            assert int(dut.sign.value) == (sign and code >> 7)
            integer = int(dut.significand.value) << int(dut.shift.value)
            assert (-integer if dut.sign.value else integer) == integers[code]
            checked += 1
    assert checked == 256 * len(splits) > 0
    dut._log.info("checked %d codes", checked)
