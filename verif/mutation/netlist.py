"""Makes mutants in the netlist of a module: Yosys's ``mutate`` on what its source elaborates to.

A mutant is one pin of one cell that is stuck, inverted, or inverted where another bit says so.
It is written as Verilog that takes the module's place; modules inside it stay what they are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from verif.mutation.design import Design
from verif.mutation.mutant import NETLIST, Mutant, MutationError, Parameters
from verif.mutation.yosys import YosysError, yosys

MODES = {
    "const0": "stuck at 0",
    "const1": "stuck at 1",
    "inv": "inverted",
    "cnot0": "inverted while bit {ctrlbit} is 0",
    "cnot1": "inverted while bit {ctrlbit} is 1",
}
CELLS = {"procmux": "mux", "ternary": "mux", "procdff": "dff"}
OPTION = re.compile(r"-(\w+) (\S+)")
SPAN = re.compile(r"(?P<file>[^:]+):(?P<line>\d+)\.(?P<column>\d+)-(?P<end>\d+)\.(?P<last>\d+)")
LONGEST_TEXT = 80
UNMUTATED = "mutate -mode none"


@dataclass(frozen=True)
class Mutation:
    """A line of ``mutate -list``: the command, and its options by name, sources apart.

    Attributes
    ----------
    command : str
        What makes Yosys carry it out.
    options : dict
        mode, cell, port, portbit, ctrlbit, wire, wirebit as they are there.
    spans : tuple of str
        Places in the source, as in ``ffp8_pe.v:61.21-61.64``; the cell's own last.
    """

    command: str
    options: dict[str, str]
    spans: tuple[str, ...]

    @classmethod
    def read(cls, line: str) -> Mutation:
        """Take a line of the list apart."""
        pairs = OPTION.findall(line)
        spans = tuple(value for name, value in pairs if name == "src")
        options = {name: value for name, value in pairs if name != "src"}
        return cls(line.partition(" -wire ")[0].partition(" -src ")[0], options, spans)

    @property
    def is_of_clock(self) -> bool:
        """Whether it changes the clock, which the proofs take for granted."""
        return self.options["port"] in ("CLK", "clk") or self.options.get("wire") == "clk"

    @property
    def pin(self) -> str:
        """Which pin of which cell, without names that Yosys made up."""
        options = self.options
        cell = options["cell"]
        name = cell.split("$")[1] if "$" in cell else ""
        kind = f"${CELLS.get(name, name)}" if name else f"instance {cell.lstrip(chr(92))}"
        where = f"{kind} pin {options['port']}[{options['portbit']}]"
        if "wire" in options and "$" not in options["wire"]:
            where += f" ({options['wire']}[{options['wirebit']}])"
        return where

    @property
    def words(self) -> str:
        """What it does to which pin."""
        return f"{self.pin} {MODES[self.options['mode']].format(**self.options)}"

    def place(self, text: str) -> tuple[int, str]:
        """Return line and text of the source that the cell comes from."""
        match = SPAN.fullmatch(self.spans[-1]) if self.spans else None
        if match is None:
            return 1, ""
        lines = text.splitlines()[int(match["line"]) - 1 : int(match["end"])]
        lines[-1] = lines[-1][: int(match["last"]) - 1]
        lines[0] = lines[0][int(match["column"]) - 1 :]
        words = " ".join(" ".join(lines).split())
        shown = words if len(words) <= LONGEST_TEXT else words[:LONGEST_TEXT] + "..."
        return int(match["line"]), shown


def draw(
    module: str, design: Design, parameters: Parameters, count: int, seed: int | str
) -> list[Mutant]:
    """Draw mutants of a module's netlist, spread over the source as Yosys does it.

    Parameters
    ----------
    module : str
        Name of the module, without ``ffp8_``.
    design : Design
        The design that it is in.
    parameters : Mapping
        Parameters to elaborate it with.
    count : int
        How many; fewer are returned where there are not so many.
    seed : int or str
        What the draw depends on, and nothing else.

    Raises
    ------
    MutationError
        If Yosys cannot read the module.
    """
    number = random.Random(str(seed)).randrange(2**30)
    # Some are of the clock, and some leave the netlist what it was.
    listed = _list(module, design, parameters, count + count // 8 + 4, number)
    made = make_mutants(module, design, parameters, listed)
    return sorted(made[:count], key=lambda mutant: (mutant.line, mutant.change))


def list_all(module: str, design: Design, parameters: Parameters) -> list[Mutation]:
    """Return mutations of every pin of a module's netlist, with any bit for a condition."""
    return _list(module, design, parameters, 1_000_000, 1)


def _list(
    module: str, design: Design, parameters: Parameters, count: int, seed: int
) -> list[Mutation]:
    with TemporaryDirectory(prefix="ffp8-netlist-") as name:
        folder = Path(name)
        _run(module, design, parameters, [f"mutate -list {count} -seed {seed} -o list"], folder)
        lines = (folder / "list").read_text("utf-8").splitlines()
    mutations = map(Mutation.read, lines)
    return [mutation for mutation in mutations if not mutation.is_of_clock]


def make_mutants(
    module: str, design: Design, parameters: Parameters, mutations: Sequence[Mutation]
) -> list[Mutant]:
    """Carry out mutations, each on the unmutated netlist; what changes nothing is left out."""
    texts = _write(module, design, parameters, [mutation.command for mutation in mutations])
    made = {}
    for mutation, text in zip(mutations, texts[1:], strict=True):
        if text != texts[0] and text not in made:
            line, source = mutation.place(design.sources[module])
            mode = mutation.options["mode"]
            made[text] = Mutant(
                module, NETLIST, mode, line, source, mutation.words, text, dict(parameters)
            )
    return list(made.values())


def unmutated(module: str, design: Design, parameters: Parameters) -> Mutant:
    """Return the netlist as it is, in the form of a mutant: benches must pass on it."""
    (text,) = _write(module, design, parameters, [])
    return Mutant(module, NETLIST, "none", 1, "", "no change", text, dict(parameters))


def _write(
    module: str, design: Design, parameters: Parameters, commands: Sequence[str]
) -> list[str]:
    """Return the unmutated netlist as Verilog, then that of each command."""
    with TemporaryDirectory(prefix="ffp8-netlist-") as name:
        folder = Path(name)
        script = ["design -save unmutated"]
        for number, command in enumerate([UNMUTATED, *commands]):
            script += ["design -load unmutated", command]
            script += [f"write_verilog -noattr -simple-lhs {number}.v"]
        _run(module, design, parameters, script, folder)
        written = [
            (folder / f"{number}.v").read_text("utf-8") for number in range(len(commands) + 1)
        ]
    return [_with_parameters(module, design, text) for text in written]


def _run(
    module: str, design: Design, parameters: Parameters, commands: Sequence[str], folder: Path
) -> None:
    design.write(folder)
    inside = " ".join(f"ffp8_{name}.v" for name in design.closure(module) if name != module)
    settings = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
    script = [f"read_verilog -I. -lib {inside}"] * bool(inside) + [
        f"read_verilog -I. ffp8_{module}.v",
        f"hierarchy -check -top ffp8_{module} {settings}",
        "proc",
        "opt_clean",
    ]
    try:
        yosys([*script, *commands], folder)
    except YosysError as error:
        shown = ", ".join(f"{name}={value}" for name, value in parameters.items())
        raise MutationError(f"ffp8_{module} with {shown}: Yosys {error}") from None


def _with_parameters(module: str, design: Design, written: str) -> str:
    """Declare the module's parameters again, which benches read and instances set."""
    header = design.header(module)
    names = f"module ffp8_{module}"
    match = re.match(rf"{names}\s*(#\s*\(.*?\n\))\s*\(", header, re.DOTALL)
    declared = f" {match[1]} " if match else ""
    body = written.partition("\n")[2]  # below the line that tells Yosys's version
    # The first case that matches decides: a mutant may match several, and a proof that took them
    # for exclusive would judge another circuit than the simulator does.
    body = body.replace(" // synopsys parallel_case", "")
    included = "".join(f'`include "{name}"\n' for name in design.headers)
    return f"`default_nettype none\n{included}" + body.replace(
        f"{names}(", f"{names}{declared}(", 1
    )
