"""The design, a case for each module, and mutants of the decoder by hand."""

from verif.commands.folders import ROOT
from verif.mutation.cases import Case
from verif.mutation.design import Design
from verif.mutation.mutant import SOURCE, Mutant

DESIGN = Design.read(ROOT / "hdl")
DECODE = Case("decode", (("EXP_MAX", 3),), 1)
CASES = {module: [Case(module, (("EXP_MAX", 3),), 1)] for module in DESIGN.sources}


def mutant(old: str, new: str, module: str = "decode") -> Mutant:
    text = DESIGN.sources[module]
    assert text.count(old) == 1
    return Mutant(module, SOURCE, "by hand", 1, old, f"{old} -> {new}", text.replace(old, new))


SEEN = mutant("is_signed & code[7]", "is_signed | code[7]")
SAME = mutant("is_signed & code[7]", "code[7] & is_signed")
WRONG = mutant("assign sign =", "assign sign ==")
