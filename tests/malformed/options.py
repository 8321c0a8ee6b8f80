"""Options that are out of place, of every command."""

from __future__ import annotations

from collections.abc import Iterable

from tests.malformed.case import Case, given
from verif.commands.folders import ROOT

NO_NUMBERS = ("x", " ", "1.5", "1e9", "nan", "0x10", "\u0663", "\uff13", "1_000", "9" * 5000, "-")


def _numbers(command: str, variable: str, more: Iterable[str] = ()) -> list[Case]:
    """Return cases of a variable that is a whole number, `more` that are none for it."""
    return [
        Case(f"{variable}={text[:9]!r}", command, given(**{variable: text}), f"{variable}={text}: ")
        for text in (*NO_NUMBERS, *more)
    ]


DOCS = ROOT / "docs"
COUNT = ("0", "-1")
PROCESSES = (*COUNT, "1025", "1000000000")
TIMES = ("0", "-1", "x", " ", "nan", "inf", "-inf", "\u0663", "1_0", "1,5", "")

CASES = [
    *_numbers("replay", "IMAGES", (*COUNT, "1001", "1000000000")),
    *_numbers("replay", "ROWS", (*COUNT, "65", "1000000000")),
    *_numbers("replay", "COLS", (*COUNT, "65", "1000000000")),
    *_numbers("replay", "JOBS", PROCESSES),
    *_numbers("layers", "ROWS", (*COUNT, "65", "1000000000")),
    *_numbers("layers", "COLS", (*COUNT, "65", "1000000000")),
    *_numbers("accuracy", "IMAGES", COUNT),
    *_numbers("accuracy", "NEAREST", ("2", "-1")),
    *_numbers("checks", "SAMPLE", COUNT),
    *_numbers("checks", "SEED"),
    *_numbers("checks", "JOBS", PROCESSES),
    *_numbers("cover", "SEED"),
    *_numbers("cover", "JOBS", PROCESSES),
    *_numbers("cover-compare", "SEEDS", COUNT),
    *_numbers("cover-compare", "JOBS", PROCESSES),
    *_numbers("code-coverage", "SEED"),
    *_numbers("code-coverage", "JOBS", PROCESSES),
    *_numbers("mutate", "SEED"),
    *_numbers("mutate", "MUTANTS", ("-1",)),
    *_numbers("mutate", "PEOPLE", ("-1",)),
    *_numbers("mutate", "JOBS", PROCESSES),
    *_numbers("bench", "VALUES", (*COUNT, "10", "1000000000000")),
    *_numbers("bench", "REPEATS", COUNT),
    *_numbers("vectors", "SEED"),
    *_numbers("vectors", "DOTS", COUNT),
    *_numbers("sim", "JOBS", PROCESSES),
    *_numbers("test", "JOBS", PROCESSES),
    *_numbers("soak", "JOBS", PROCESSES),
    *_numbers("judges", "JOBS", PROCESSES),
    *_numbers("light", "JOBS", PROCESSES),
    *_numbers("malformed", "JOBS", PROCESSES),
    *_numbers("runs", "JOBS", PROCESSES),
    *(
        Case(f"{variable}={text!r}", command, given(**{variable: text}), f"{variable}={text}: ")
        for command, variable in (("sim", "LIMIT"), ("test", "LIMIT"), ("soak", "MINUTES"))
        for text in TIMES
        if text
    ),
    *(
        Case(f"{name}={text!r}", command, given(**{name: text}), says)
        for command, name, text, says in (
            ("replay", "SIM", "vcs", "SIM=vcs: unknown simulator, choose icarus"),
            ("replay", "SIM", " ", "SIM= : unknown simulator, choose icarus"),
            ("replay", "SIM", "Icarus", "SIM=Icarus: unknown simulator, choose icarus"),
            ("replay", "ACCUMULATOR", "int32", "ACCUMULATOR=int32: choose exact or binary32"),
            ("replay", "ACCUMULATOR", "0", "ACCUMULATOR=0: choose exact or binary32"),
            ("replay", "ACCUMULATOR", "EXACT", "ACCUMULATOR=EXACT: choose exact or binary32"),
            ("replay", "LAYERS", "conv9", "LAYERS=conv9: no such layer, there are stem, "),
            ("replay", "LAYERS", "stem,conv9", "LAYERS=conv9: no such layer"),
            ("replay", "LAYERS", "stem,", "LAYERS=: no such layer"),
            ("replay", "LAYERS", " stem", "LAYERS= stem: no such layer"),
            ("replay", "LAYERS", "STEM", "LAYERS=STEM: no such layer"),
            ("replay", "LAYERS", "[", "LAYERS=[: no such layer"),
            ("layers", "LAYERS", "conv9", "LAYERS=conv9: no such layer, there are stem, "),
            ("layers", "LAYERS", ",", "LAYERS=: no such layer"),
            ("accuracy", "FORMATS", "e9", "FORMATS=e9: no such split, there are s0e0f8"),
            ("accuracy", "FORMATS", "s1e6f1", "FORMATS=s1e6f1: no such split"),
            ("accuracy", "FORMATS", "s1*,", "FORMATS=: no such split"),
            ("accuracy", "FORMATS", " ", "FORMATS= : no such split"),
            ("cover", "ONLY", "none", "ONLY=none: no design matches, there are"),
            ("cover", "SIM", "vcs", "SIM=vcs: unknown simulator, choose icarus"),
            ("cover-compare", "ONLY", "none", "ONLY=none: no design matches, there are"),
            ("sim", "TESTS", "a and", "TESTS=a and: no pattern"),
            ("sim", "TESTS", "(", "TESTS=(: no pattern"),
            ("test", "TESTS", "or", "TESTS=or: no pattern"),
            ("sim", "SEED", "x", "SEED=x: a seed is a whole number"),
            ("test", "SEED", "1.5", "SEED=1.5: a seed is a whole number"),
            ("soak", "SEED", " ", "SEED= : a seed is a whole number"),
            ("sim", "SEED", "\u0663", "SEED=\u0663: a seed is a whole number"),
            ("sim", "SIM", "vcs", "SIM=vcs: unknown simulator, choose icarus"),
            ("test", "SIM", "vcs", "SIM=vcs: unknown simulator, choose icarus"),
            ("mutate", "MODULES", "none", "none"),
            ("checks", "ONLY", "none", "none"),
            ("bench", "ONLY", "none", "none"),
            *(
                (command, "DOCUMENT", text, f"DOCUMENT={text}: ")
                for command in ("mutate", "checks", "cover-compare")
                for text in ("/nowhere/report.md", " ", "README.md/report.md")
            ),
            ("mutate", "DOCUMENT", str(DOCS), f"DOCUMENT={DOCS}: a file's name is wanted"),
            ("checks", "DOCUMENT", f"{DOCS}/", f"DOCUMENT={DOCS}/: a file's name is wanted"),
            ("cover-compare", "DOCUMENT", __file__, f"DOCUMENT={__file__}: a folder to write to"),
            ("code-coverage", "TESTS", "none", "none"),
            ("replay", "DATA", "none.npz", "none.npz: no such file"),
            ("accuracy", "MODEL", "none.onnx", "MODEL=none.onnx: DATA= and CALIBRATION= is needed"),
        )
    ),
]
