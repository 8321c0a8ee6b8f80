"""Selections of formats that are none: ``make replay SELECTION=``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.malformed.case import Case
from tests.malformed.payload import TOUCHED

GOOD = """\
version: 2
network: fashion_resnet8
exp_max: 5
k_max: 8192
objective: output
tensors: {images: s0e3f5b6}
scales: {}
weights:
  stem: {split: s1e3f4, biases: [3, 4]}
"""
LAUGHS = "\n".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9 if level else ['x'] * 9)}]"
    for level in range(12)
)
KEYS = "version", "network", "exp_max", "k_max", "objective", "tensors", "scales", "weights"


def without(key: str) -> str:
    """Return a selection that lacks a key."""
    lines = GOOD.replace("weights:\n  stem", "weights: {}\n#").splitlines()
    return "\n".join(line for line in lines if not line.startswith(key))


def changed(old: str, new: str) -> str:
    """Return a selection of which a part is another."""
    assert old in GOOD
    return GOOD.replace(old, new)


TEXTS: Mapping[str, tuple[str | bytes, str]] = {
    "empty": ("", "not a selection of formats: one has the keys version, network"),
    "a text": ("formats", "not a selection of formats"),
    "a list": ("[1, 2]", "not a selection of formats"),
    "no text": (b"\xff\xfe\xfd", "cannot be read"),
    "control characters": ("a: \x07", "not a YAML file"),
    "a bracket": ("a: [", "not a YAML file"),
    "a tab": ("a:\n\tb: 1", "not a YAML file"),
    "two documents": (f"{GOOD}---\n{GOOD}", "not a YAML file"),
    "nested": ("[" * 20_000, "not a YAML file"),
    "laughs": (LAUGHS, "line 2: alias *a0, a selection has none"),
    "an alias of itself": ("a: &a [*a]", "line 1: alias *a, a selection has none"),
    "executes": (f"!!python/object/apply:os.system ['touch {TOUCHED}']", "not a YAML file"),
    "an object": (f"a: !!python/object/new:os.system [touch {TOUCHED}]", "not a YAML file"),
    "a date that is none": ("a: 2020-13-45", "not a YAML file"),
    **{f"without {key}": (without(key), f"no key '{key}'") for key in KEYS},
    "unknown key": (f"{GOOD}colour: red\n", "unknown key 'colour'"),
    "a number as key": (f"{GOOD}7: red\n", "unknown key '7'"),
    **{
        f"version {text}": (changed("version: 2", f"version: {text}"), "this program reads 2")
        for text in ("1", "2.0", "'2'", "true", "null", "[1]")
    },
    **{
        f"exp_max {text}": (changed("exp_max: 5", f"exp_max: {text}"), "an integer from 0 to 8")
        for text in ("-1", "9", "five", "5.0", "1e9", "true", "{}")
    },
    **{
        f"k_max {text}": (changed("k_max: 8192", f"k_max: {text}"), "k_max")
        for text in ("0", "-1", "100000000000", "x", "8192.0", "null")
    },
    "exp_max of another engine": (changed("exp_max: 5", "exp_max: 6"), "exp_max 6: the engine"),
    "objective": (changed("objective: output", "objective: speed"), "objective 'speed': one of"),
    "objective a list": (changed("objective: output", "objective: []"), "objective []: one of"),
    "tensors a list": (changed("{images: s0e3f5b6}", "[s0e3f5b6]"), "tensors: a mapping from"),
    "weights a text": (without("weights") + "\nweights: all\n", "weights: a mapping from names"),
    **{
        f"format {text}": (changed("s0e3f5b6", text), f"tensor 'images': {says}")
        for text, says in {
            "s0e3": "format 's0e3': write it like s1e4f3b7",
            "7": "format '7': write it like s1e4f3b7",
            "null": "format 'None': write it like",
            "s1e4f4b0": "format s1e4f4",
            "s0e6f2b0": "s0e6f2b0 has 6 exponent bits, exp_max is 5",
            "s0e3f5b200": "bias 200, one from -128 to 127 is needed",
        }.items()
    },
    **{
        f"weights {text}": (changed("{split: s1e3f4, biases: [3, 4]}", text), says)
        for text, says in {
            "s1e3f4": "a split like s1e3f4 and biases are needed",
            "{split: s1e3f4}": "a split like s1e3f4 and biases are needed",
            "{split: s1e3, biases: [3]}": "weights of 'stem': format 's1e3b0': write it like",
            "{split: s1e3f4, biases: 3}": "biases 3, a list of integers is needed",
            "{split: s1e3f4, biases: []}": "biases [], a list of integers is needed",
            "{split: s1e3f4, biases: [3, x]}": "biases [3, 'x'], a list of integers is needed",
            "{split: s1e3f4, biases: [1.0]}": "biases [1.0], a list of integers is needed",
            "{split: s1e3f4, biases: [true]}": "biases [True], a list of integers is needed",
            "{split: s1e3f4, biases: [128]}": "bias 128, one from -128 to 127 is needed",
        }.items()
    },
    "of another network": (GOOD, "the selection for network 'fashion_resnet8' has no format for"),
}


def _holding(content: str | bytes) -> Callable[[Path], Mapping[str, object]]:
    def write(folder: Path) -> Mapping[str, object]:
        path = folder / "selection.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return {"SELECTION": path}

    return write


CASES = [
    *(
        Case(f"selection, {name}", "replay", _holding(content), says)
        for name, (content, says) in TEXTS.items()
    ),
    Case("selection, a folder", "replay", lambda folder: {"SELECTION": folder}, "cannot be read"),
    Case(
        "selection, none", "replay", lambda folder: {"SELECTION": folder / "no"}, "cannot be read"
    ),
]
