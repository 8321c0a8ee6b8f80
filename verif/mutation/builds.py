"""Which builds of each module a design has inside, so that a netlist meets only its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from verif.mutation.cases import Case
from verif.mutation.design import Design
from verif.mutation.yosys import yosys

Build = frozenset[tuple[str, int]]
"""All parameters of a module by name, those that are derived included."""


def builds_of(design: Design, cases: Sequence[Case]) -> dict[Case, dict[str, set[Build]]]:
    """Return, for each case, the builds of each module that it elaborates, the top included.

    Raises
    ------
    YosysError
        If the design cannot be elaborated.
    """
    with TemporaryDirectory(prefix="ffp8-builds-") as name:
        folder = Path(name)
        design.write(folder)
        script: list[str] = []
        for number, case in enumerate(cases):
            files = " ".join(f"ffp8_{module}.v" for module in design.closure(case.module))
            settings = " ".join(f"-chparam {name} {value}" for name, value in case.settings)
            script += [f"read_verilog -I. {files}", f"hierarchy -top ffp8_{case.module} {settings}"]
            script += ["proc", f"write_json {number}.json", "design -reset"]
        yosys(script, folder, 300)
        found = {}
        for number, case in enumerate(cases):
            modules = json.loads((folder / f"{number}.json").read_text("utf-8"))["modules"]
            found[case] = _by_module(modules)
    return found


def _by_module(modules: Mapping[str, Mapping[str, dict[str, str]]]) -> dict[str, set[Build]]:
    builds: dict[str, set[Build]] = {}
    for elaborated, content in modules.items():
        name = content["attributes"].get("hdlname", elaborated).removeprefix("ffp8_")
        values = content.get("parameter_default_values", {}).items()
        build = frozenset((parameter, int(bits, 2)) for parameter, bits in values)
        builds.setdefault(name, set()).add(build)
    return builds
