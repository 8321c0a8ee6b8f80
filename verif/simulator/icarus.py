"""Icarus Verilog: the commands that build a design, and the one that runs it."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from cocotb_tools import config

from verif.simulator.build_cache import digest
from verif.simulator.designs import TIMESCALE, Design, Execute, identities

DUMP = "iverilog_dump"


def is_whole(compiled: str) -> bool:
    """Tell whether Icarus Verilog's output has its end, which a full disk takes without a word.

    It ends in the list of source files, whose first line says how many follow, one a line.
    """
    head, _, files = compiled.rpartition("\n:file_names ")
    count, _, names = files.partition(";\n")
    lines = names.splitlines()
    ended = names.endswith("\n") and all(line.endswith('";') for line in lines)
    return bool(head) and count == str(len(lines)) and ended


@dataclass(frozen=True)
class Icarus:
    """Icarus Verilog: four states, compiles in a second."""

    name: str = "icarus"
    programs: tuple[str, ...] = ("iverilog", "vvp")

    def key(self, design: Design) -> str:
        """Return what a build depends on: the commands below, simulator and sources."""
        commands = Path(__file__).read_bytes()
        return digest([commands, *identities(self.programs), *design.content()])

    def build(self, design: Design, folder: Path, execute: Execute) -> None:
        """Compile to ``toplevel.vvp``, with a second top that dumps waves where asked for."""
        top, sources = design.toplevel, list(map(str, design.sources))
        tops = ["-s", top]
        if design.waves:
            dump = folder / f"{DUMP}.v"
            dump.write_text(
                f"module {DUMP}();\ninitial begin\n"
                f'    $dumpfile("{top}.fst");\n    $dumpvars(0, {top});\nend\nendmodule\n'
            )
            tops += ["-s", DUMP]
            sources.append(str(dump))
        timescale = folder / "timescale.f"
        timescale.write_text(f"+timescale+{TIMESCALE}\n")
        settings = [f"-P{top}.{name}={value}" for name, value in design.parameters.items()]
        command = ["iverilog", "-o", f"{top}.vvp", "-D", "COCOTB_SIM=1", "-g2005", "-Wall"]
        command += [f"-I{path}" for path in design.folders]
        execute([*command, *tops, *settings, "-f", str(timescale), *sources], folder)
        compiled = folder / f"{top}.vvp"
        if not is_whole(compiled.read_text(encoding="utf-8", errors="replace")):
            raise OSError(errno.ENOSPC, "Icarus Verilog left it cut off", str(compiled))

    def run_command(self, design: Design, folder: Path, seed: int) -> list[str]:
        """Return the vvp command."""
        waves = ["-fst"] * design.waves
        library = str(config.lib_name_path("vpi", "icarus"))
        return ["vvp", "-m", library, str(folder / f"{design.toplevel}.vvp"), *waves]
