"""Prints `docs/registers.md`, made from the register map: ``python -m verif.registers``."""

from verif.engine.registers import REGISTERS, Register

_INTRODUCTION = """\
# Registers

The AXI4-Lite port of `ffp8_engine`. Made from `hdl/registers.yaml` by
`python -m verif.registers > docs/registers.md`; a test fails when the two differ.

Every register is 32 bits wide. Writes honour WSTRB; writes to read-only registers are ignored;
any other address, and one that is no multiple of 4, is answered with SLVERR, reads as 0 and
changes nothing. What is in no field reads as 0. The counters read as they were when
CONTROL.snapshot was last written: all of them, low and high halves, are of one cycle. They run one
cycle behind: what happened in a cycle is counted in the next one, a pair of beats together with its
MACs and those gated. They run modulo 2^64. Reset takes answers back, and BRESP, RRESP and RDATA are
zero from then until the next answer.

A write takes effect once its address and data are in and no earlier answer waits, at the earliest
in the cycle after the later of the two; its answer is offered in the cycle after that. A read shows
the register as it is in the cycle in which its address is taken, and is answered in the next;
while an answer is offered, no other address of a read is taken.

Access: `ro` read only, `rw` read and write, `rw1c` writing 1 clears (being set wins), `rw1s`
writing 1 sets and the engine clears, `wo` writing 1 acts at once and it reads as 0.
"""


def document(registers: dict[str, Register]) -> str:
    """Return the Markdown document of a register map."""
    lines = [_INTRODUCTION, "| offset | register | access | reset | |", "|---|---|---|---|---|"]
    for register in registers.values():
        reset = "by parameter" if register.reset is None else f"`{register.reset:#010x}`"
        lines.append(
            f"| `{register.offset:#04x}` | `{register.name}` | {register.access} | {reset} "
            f"| {register.description} |"
        )
    lines += [
        "",
        "## Fields",
        "",
        "| register | bits | field | access | |",
        "|---|---|---|---|---|",
    ]
    for register in registers.values():
        for field in register.fields.values():
            bits = f"{field.high}:{field.low}" if field.width > 1 else f"{field.low}"
            kind = ", two's complement" if field.signed else ""
            lines.append(
                f"| `{register.name}` | {bits} | `{field.name}` | {field.access} "
                f"| {field.description}{kind} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(document(REGISTERS), end="")
