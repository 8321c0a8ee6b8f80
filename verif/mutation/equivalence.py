"""Proves by SAT that a mutant cannot be told from the original, or finds out when it can.

Both are elaborated with all that is inside them, their registers are cut, and put into a miter:
the same inputs, the same contents of equally named registers in the first cycle (which may be
anything), `rst` high in that cycle where there is one; from then on no output may ever differ.
ABC proves that with fraiging and, for circuits with registers, induction (scorr) and property
directed reachability (pdr); where neither comes to an end, a bounded proof (bmc3) says how far.

Modules inside are cut out first: if what the module sends them never differs, whatever they
answer, then nothing does. Only where that fails are they elaborated as well, the small ones first.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from verif.mutation.design import Design
from verif.mutation.mutant import Mutant, Parameters, Proof
from verif.mutation.yosys import YosysError, abc, yosys

ORDERED = Path(__file__).with_name("ordered.v")
SMALL = 60
"""Lines of a module up to which it is no obstacle to a proof."""
SIDES = GOLD, GATE = "gold", "gate"
PROOF_SECONDS = 30
BOUNDED_SECONDS = 20
PREPARATION_SECONDS = 60
BOUND = 50

UNSATISFIABLE = re.compile(r"^UNSATISFIABLE", re.MULTILINE)
SATISFIABLE = re.compile(r"^SATISFIABLE", re.MULTILINE)
PROVED = re.compile(r"^Property proved", re.MULTILINE)
ASSERTED = re.compile(r"was asserted in frame (\d+)")
BOUNDED = re.compile(r"No output (?:failed|asserted) in (\d+) frames")
LATCHES = re.compile(r"lat\s*=\s*(\d+)")


@dataclass(frozen=True)
class Interface:
    """One side of the miter: widths in bits of ports and registers, and the modules inside.

    The ports of modules that were cut out are among `inputs` and `outputs`, as ``instance.port``;
    `inside` has their types.
    """

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    registers: Mapping[str, int]
    inside: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path, side: str) -> Interface:
        """Read what `_elaborate` has left behind.

        Raises
        ------
        YosysError
            If a register is not clocked by ``clk``, which the proof takes for granted.
        """
        whole, cut = (
            json.loads((folder / f"{side}-{form}.json").read_text("utf-8"))["modules"][side]
            for form in ("whole", "cut")
        )
        ports: dict[str, dict[str, int]] = {"input": {}, "output": {}}
        for name, port in whole["ports"].items():
            ports[port["direction"]][name] = len(port["bits"])
        inside = {name: cell for name, cell in whole["cells"].items() if "ffp8_" in cell["type"]}
        opposite = {"input": "output", "output": "input"}
        for name, cell in inside.items():
            for pin, bits in cell["connections"].items():
                direction = opposite[cell["port_directions"][pin]]
                ports[direction][f"{name}.{pin}"] = len(bits)
        registers = {}
        for name, port in cut["ports"].items():
            register = name.removesuffix(".q")
            if register != name and f"{register}.c" in cut["ports"]:
                if cut["ports"][f"{register}.c"]["bits"] != cut["ports"]["clk"]["bits"]:
                    raise YosysError(f"register {register} is not clocked by clk")
                registers[register] = len(port["bits"])
        kinds = {name: cell["type"] for name, cell in inside.items()}  # with the parameters
        return cls(ports["input"], ports["output"], registers, kinds)


def prove(mutant: Mutant, design: Design, parameters: Parameters, top: str = "") -> Proof:
    """Compare a mutant with the original at one parameter set.

    Parameters
    ----------
    mutant : Mutant
        The mutant.
    design : Design
        The original design.
    parameters : Mapping
        The set.
    top : str
        The module whose outputs are compared, the mutated one unless given. In a module that
        contains it, a mutant may be equivalent that shows in what nobody looks at.

    Returns
    -------
    Proof
        ``equivalent`` only if that is proven for all times.
    """
    start = time.monotonic()
    top = top or mutant.module
    for cut in _cuts(top, mutant.module, design):
        try:
            with TemporaryDirectory(prefix="ffp8-proof-") as name:
                proof = _prove(mutant, design, parameters, Path(name), top, cut)
        except YosysError as error:
            proof = Proof(parameters, "unknown", f"none: {error}")
        if proof.result == "equivalent":
            break
    method = proof.method + (f", cut: {' '.join(cut)}" if cut else "")
    method += f", inside {top}" if top != mutant.module else ""
    seconds = round(time.monotonic() - start, 1)
    return replace(proof, parameters=dict(parameters), method=method, seconds=seconds)


def _cuts(top: str, mutated: str, design: Design) -> list[tuple[str, ...]]:
    """Return sets of modules to cut out, in the order in which proofs are tried.

    All that is inside; all but the small ones; all but these and what one large module needs;
    none. The mutated module stays, and what it is in.
    """
    staying = {top, mutated, *design.users(mutated)}
    inside = [name for name in design.closure(top) if name not in staying]
    large = [name for name in inside if design.size(name) > SMALL]
    without = [
        [name for name in large if name not in design.closure(child)]
        for child in sorted(design.children[top])
    ]
    return list(dict.fromkeys(map(tuple, (inside, large, *without, []))))


def _prove(
    mutant: Mutant,
    design: Design,
    parameters: Parameters,
    folder: Path,
    top: str,
    cut: Sequence[str],
) -> Proof:
    design.write(folder / GOLD)
    design.write(folder / GATE, mutant)
    settings = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
    elaborate = [
        command for side in SIDES for command in _elaborate(side, top, design, settings, cut)
    ]
    yosys(elaborate, folder, PREPARATION_SECONDS)
    gold, gate = (Interface.read(folder, side) for side in SIDES)
    if gold.inside != gate.inside:
        return Proof(parameters, "unknown", "none: other submodules")
    (folder / "miter.v").write_text(miter(gold, gate), encoding="utf-8")
    joined = [f"read_rtlil {side}.il" for side in SIDES]
    joined += ["read_verilog miter.v", "hierarchy -check -top miter", "proc", "flatten"]
    joined += [
        "opt_clean",
        f"techmap -max_iter 1 -map {ORDERED}",
        "techmap",
        "opt_clean",
        "dffunmap",
        "aigmap",
        "opt_clean",
    ]
    yosys([*joined, "write_aiger -zinit miter.aig"], folder, PREPARATION_SECONDS)
    return _decide(folder)


def _elaborate(
    side: str, module: str, design: Design, settings: str, cut: Sequence[str]
) -> list[str]:
    files = " ".join(f"{side}/ffp8_{name}.v" for name in design.closure(module))
    return [
        f"read_verilog -I{side} {files}",
        f"hierarchy -check -top ffp8_{module} {settings}",
        "proc",
        *(f"blackbox A:hdlname=ffp8_{name} ffp8_{name}" for name in cut),
        "flatten",
        "memory",
        "dffunmap",
        "setundef -undriven -zero",
        "opt_clean",
        f"rename -top {side}",
        f"write_json {side}-whole.json",
        f"expose -evert -evert-dff {side}",
        f"write_json {side}-cut.json",
        f"write_rtlil {side}.il",
        "design -reset",
    ]


def miter(gold: Interface, gate: Interface) -> str:
    """Return the Verilog that compares both sides.

    Registers that only one side has begin with what they like.
    """
    has_reset = "rst" in gold.inputs
    widths = {**gate.registers, **gold.registers}
    free = {f"in.{name}": width for name, width in gold.inputs.items() if name != "clk"}
    free |= {f"init.{name}": width for name, width in widths.items()}
    ports = ["input clk", *(f"input {_declare(name, width)}" for name, width in free.items())]
    lines = [f"module miter({', '.join([*ports, 'output bad'])});"]
    # A circuit without registers stays one.
    lines += ["reg first = 1'b1; always @(posedge clk) first <= 1'b0;"] if widths else []
    for side, interface in zip(SIDES, (gold, gate), strict=True):
        lines += _instance(side, interface, gold)
    pairs = (f"{_name(f'gold.{name}')} != {_name(f'gate.{name}')}" for name in gold.outputs)
    compared = " || ".join(pairs)
    lines += [f"assign bad = {'!first && ' if has_reset and widths else ''}({compared});"]
    return "\n".join([*lines, "endmodule", ""])


def _instance(side: str, interface: Interface, gold: Interface) -> list[str]:
    lines, pins = [], []
    for name in gold.inputs:
        driver = "clk" if name == "clk" else _name(f"in.{name}")
        if name == "rst" and (gold.registers or interface.registers):
            driver = f"(first | {driver})"
        pins.append(f".{_name(name)}({driver})")
    for name, width in interface.registers.items():
        now, later = _name(f"{side}.now.{name}"), _name(f"{side}.next.{name}")
        lines += [f"reg {_declare(f'{side}.now.{name}', width)} = 0;"]
        lines += [f"wire {_declare(f'{side}.next.{name}', width)};"]
        lines += [f"always @(posedge clk) {now} <= {later};"]
        pins += [f".{_name(f'{name}.q')}(first ? {_name(f'init.{name}')} : {now})"]
        pins += [f".{_name(f'{name}.d')}({later})"]
    for name, width in gold.outputs.items():
        lines += [f"wire {_declare(f'{side}.{name}', width)};"]
        pins += [f".{_name(name)}({_name(f'{side}.{name}')})"]
    return [*lines, f"{side} {side}_side({', '.join(pins)});"]


def _name(name: str) -> str:
    return f"\\{name} "


def _declare(name: str, width: int) -> str:
    return f"[{width - 1}:0] {_name(name)}"


def _decide(folder: Path) -> Proof:
    """Ask ABC about ``miter.aig``."""
    before, latches = _reduce(folder, "miter", "ifraig", "print_stats", "scorr")
    if latches:
        steps = ("print_stats", "scorr -F 3", "dc2", "scorr -F 6")
        _, latches = _reduce(folder, "reduced", *steps)
    if not latches:
        method = "induction (scorr)" if before else "combinational (fraig)"
        printed = _ask(folder, "iprove", PROOF_SECONDS)
        if UNSATISFIABLE.search(printed):
            return Proof({}, "equivalent", method)
        return Proof({}, "different" if SATISFIABLE.search(printed) else "unknown", method)
    printed = _ask(folder, f"pdr -T {PROOF_SECONDS}", 2 * PROOF_SECONDS)
    if PROVED.search(printed):
        return Proof({}, "equivalent", "reachability (scorr, pdr)")
    asserted = ASSERTED.search(printed)
    if asserted:
        return Proof({}, "different", "reachability (scorr, pdr)", int(asserted[1]))
    printed = _ask(folder, f"bmc3 -F {BOUND} -T {BOUNDED_SECONDS}", 2 * BOUNDED_SECONDS)
    asserted, bounded = ASSERTED.search(printed), BOUNDED.search(printed)
    if asserted:
        return Proof({}, "different", "bounded (bmc3)", int(asserted[1]))
    return Proof({}, "unknown", "bounded (bmc3)", int(bounded[1]) if bounded else 0)


def _reduce(folder: Path, name: str, *steps: str) -> tuple[int, int]:
    """Write ``reduced.aig``; return the latches at the first print and at the end."""
    commands = [
        f"read_aiger {name}.aig",
        "strash",
        *steps,
        "print_stats",
        "write_aiger reduced.aig",
    ]
    printed = abc(commands, folder, PROOF_SECONDS)
    latches = [int(count) for count in LATCHES.findall(printed)]
    if len(latches) != 2:
        raise YosysError(f"ABC printed {printed[-200:]!r}, expected two counts of latches")
    return latches[0], latches[1]


def _ask(folder: Path, command: str, seconds: float) -> str:
    return abc(["read_aiger reduced.aig", "strash", command], folder, seconds)
