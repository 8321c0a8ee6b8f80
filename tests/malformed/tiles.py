"""Tiles that are none: ``make replay TILE=``."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tests.malformed.case import Case
from tests.malformed.payload import Payload

DESCRIPTION = {
    "fmt_a": "s0e3f5b6",
    "fmt_w": "s1e3f4b0",
    "fmt_y": "s1e3f4b3",
    "rounding": "rne",
    "clamp": None,
    "together": 1,
    "rows": 4,
    "cols": 4,
    "exp_max": 3,
    "k_max": 16,
    "accumulator": "exact",
}
ARRAYS = {
    "a_codes": np.full((3, 5), 0x20, np.uint8),
    "w_codes": np.full((5, 2), 0x31, np.uint8),
    "start": np.array([0.5, -1], np.float32),
    "biases_w": np.array([4, 5]),
    "expected": np.zeros((3, 2), np.uint8),
    "flags": np.zeros((3, 2), np.uint8),
}
ABSENT = object()


def write_tile(path: Path, **changes: object) -> None:
    """Write a tile with changed arrays and entries of its description."""
    entries = DESCRIPTION | {k: v for k, v in changes.items() if k in DESCRIPTION}
    text = json.dumps({name: value for name, value in entries.items() if value is not ABSENT})
    arrays = ARRAYS | {"description": np.array(text)}
    arrays |= {name: value for name, value in changes.items() if name in arrays}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not ABSENT})


def zeros(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    """Return zeros."""
    return np.zeros(shape, dtype)


CHANGED: Mapping[str, tuple[dict[str, object], str]] = {
    **{
        f"without {name}": ({name: ABSENT}, f"no array '{name}'")
        for name in (*ARRAYS, "description")
    },
    **{
        f"{name} not described": ({name: ABSENT}, f"the description has no '{name}'")
        for name in DESCRIPTION
    },
    **{
        f"{name} {value!r}": ({name: value}, f"{name} {value!r}: a whole number")
        for name in ("rows", "cols", "exp_max", "k_max", "together")
        for value in (0, -1, "4", None, 1.0, True)
    },
    **{
        f"{name} {value}": ({name: value}, f"{name} {value}: a whole number from 1 to {most}")
        for name, value, most in (
            ("rows", 65, 64),
            ("cols", 10**9, 64),
            ("exp_max", 6, 5),
            ("k_max", 32769, 32768),
        )
    },
    **{
        f"{name} {value!r}": ({name: value}, f"{name} {value!r}: a format is written like")
        for name, value in (("fmt_a", 7), ("fmt_w", None), ("fmt_y", []), ("fmt_y", False))
    },
    **{
        f"fmt_a {text!r}": ({"fmt_a": text}, f"fmt_a: format {text!r}: write it like s1e4f3b7")
        for text in (
            "",
            "s1e4",
            "int8",
            "s0e3f5b6 ",
            "s\uff11e3f4b0",
            "__import__('os')",
        )
    },
    "fmt_a of two signs": ({"fmt_a": "s2e3f3b0"}, "fmt_a: format s2e3f3: 2 sign bits, an FFP8"),
    "fmt_w of 9 bits": ({"fmt_w": "s1e4f4b0"}, "fmt_w: format s1e4f4"),
    "fmt_a over exp_max": ({"fmt_a": "s0e4f4b6"}, "4 exponent bits, this engine holds 3"),
    "fmt_w over exp_max": ({"fmt_w": "s1e4f3b6"}, "4 exponent bits, this engine holds 3"),
    "fmt_y over exp_max": ({"fmt_y": "s1e4f3b6"}, "4 exponent bits, this engine holds 3"),
    "fmt_a of a great bias": ({"fmt_a": "s0e3f5b128"}, "fmt_a s0e3f5b128: a bias is -128 to 127"),
    "fmt_y of a small bias": ({"fmt_y": "s1e3f4b-129"}, "a bias is -128 to 127"),
    "rounding unknown": ({"rounding": "up"}, "rounding 'up': choose one of rne, rmm"),
    "rounding a list": ({"rounding": ["rne"]}, "rounding ['rne']: choose one of rne, rmm"),
    "clamp with a sign": ({"clamp": 0x80}, "clamp 128: a whole number from 0 to 127"),
    "clamp negative": ({"clamp": -1}, "clamp -1: a whole number from 0 to 127"),
    "clamp a text": ({"clamp": "7"}, "clamp '7': a whole number from 0 to 127"),
    "clamp of binary32": ({"fmt_y": None, "clamp": 1}, "clamp 1 with binary32 results"),
    "rounding of binary32": ({"fmt_y": None, "rounding": "rtz"}, "rne and none only"),
    "codes where words are due": ({"fmt_y": None}, "expected is uint8 of shape (3, 2), uint32"),
    "accumulator unknown": ({"accumulator": "int32"}, "accumulator 'int32': choose exact or"),
    "accumulator a number": ({"accumulator": 0}, "accumulator 0: choose exact or binary32"),
    "two together": ({"together": 2}, "1 groups, 2 of them together: a tile is of one group"),
    "two groups": ({"a_codes": zeros(3, 10)}, "2 groups, 1 of them together"),
    "no rows": (
        {"a_codes": zeros(0, 5), "expected": zeros(0, 2), "flags": zeros(0, 2)},
        "a_codes is uint8 of shape (0, 5), a matrix of uint8 is wanted, at least one row",
    ),
    "no columns": (
        {
            "w_codes": zeros(5, 0),
            "start": zeros(0, dtype=np.float32),
            "biases_w": zeros(0, dtype=int),
            "expected": zeros(3, 0),
            "flags": zeros(3, 0),
        },
        "w_codes is uint8 of shape (5, 0), a matrix of uint8 is wanted, at least one row",
    ),
    "no products": ({"a_codes": zeros(3, 0), "w_codes": zeros(0, 2)}, "a_codes is uint8 of shape"),
    "too many rows": (
        {"a_codes": zeros(5, 5), "expected": zeros(5, 2), "flags": zeros(5, 2)},
        "5 rows: a tile of this engine has 1 to 4",
    ),
    "too many columns": ({"cols": 1}, "2 columns: a tile of this engine has 1 to 1"),
    "too long": (
        {"a_codes": zeros(3, 17), "w_codes": zeros(17, 2)},
        "17 products in a sum: a tile of this engine has 1 to 16",
    ),
    "a and w do not fit": ({"a_codes": zeros(3, 6)}, "a_codes of shape (3, 6) and w_codes of"),
    "columns that groups do not divide": ({"a_codes": zeros(3, 15)}, "a_codes of shape (3, 15)"),
    "a of int64": ({"a_codes": zeros(3, 5, dtype=int)}, "a_codes is int64 of shape (3, 5)"),
    "a of one dimension": ({"a_codes": zeros(5)}, "a_codes is uint8 of shape (5,)"),
    "w of three dimensions": ({"w_codes": zeros(5, 2, 1)}, "w_codes is uint8 of shape (5, 2, 1)"),
    "w a number": ({"w_codes": np.uint8(3)}, "w_codes is uint8 of shape ()"),
    "start of float64": ({"start": np.zeros(2)}, "start is float64 of shape (2,), float32"),
    "start too long": ({"start": zeros(3, dtype=np.float32)}, "float32 of shape (2,) is wanted"),
    "start NaN": ({"start": np.float32([0, np.nan])}, "start[1] = nan: a start value is finite"),
    "start infinite": ({"start": np.float32([-np.inf, 0])}, "start[0] = -inf: a start value is"),
    "start too large": ({"start": np.float32([0, 1e30])}, "all that a 30-bit accumulator takes"),
    "biases real": ({"biases_w": np.zeros(2)}, "biases_w is float64 of shape (2,), integers"),
    "biases missing": ({"biases_w": np.zeros(1, int)}, "integers of shape (2,) are wanted"),
    "bias too large": ({"biases_w": np.array([4, 128])}, "biases_w are 4 to 128, a bias is -128"),
    "bias too small": ({"biases_w": np.array([-129, 0])}, "biases_w are -129 to 0, a bias is"),
    "bias huge": ({"biases_w": np.array([0, 2**63], np.uint64)}, "a bias is -128 to 127"),
    "expected of words": ({"expected": zeros(3, 2, dtype=np.uint32)}, "expected is uint32"),
    "expected transposed": ({"expected": zeros(2, 3)}, "expected is uint8 of shape (2, 3), uint8"),
    "flags of bool": ({"flags": zeros(3, 2, dtype=bool)}, "flags is bool of shape (3, 2)"),
    "flags too large": ({"flags": np.full((3, 2), 8, np.uint8)}, "flags up to 8: three bits"),
    "description no text": (
        {"description": np.array(7)},
        "description is int64 of shape (), one",
    ),
    "descriptions": (
        {"description": np.array(["{}"])},
        "description is <U2 of shape (1,), one",
    ),
    "description no JSON": ({"description": np.array("{")}, "its description is not JSON"),
    "description empty": ({"description": np.array("")}, "not a file of a matrix product"),
    "description a list": ({"description": np.array("[1]")}, "is not a JSON object"),
    "description nested": ({"description": np.array("[" * 9**5)}, "its description is not JSON"),
    "description long number": ({"description": np.array("9" * 5000)}, "description is not JSON"),
    "objects": ({"start": np.array([Payload(), None])}, "array 'start' holds Python objects"),
    "records": ({"flags": np.zeros((3, 2), "u1,u1")}, "array 'flags' holds records"),
}
CONTENTS: Mapping[str, tuple[bytes, str]] = {
    "empty": (b"", "not a file of a matrix product (not a readable .npz file, or truncated"),
    "text": (b"no archive", "not a file of a matrix product (not a readable .npz file, or"),
    "head of an archive": (b"PK\x03\x04 truncated", "not a readable .npz file, or truncated"),
    "a pickle": (pickle.dumps(Payload()), "not a readable .npz file, or truncated"),
    "an array alone": (b"\x93NUMPY\x01\x00", "not a readable .npz file, or truncated"),
}


def _changed(changes: dict[str, object]) -> Callable[[Path], Mapping[str, object]]:
    def write(folder: Path) -> Mapping[str, object]:
        write_tile(folder / "tile.npz", **changes)
        return {"TILE": folder / "tile.npz"}

    return write


def _holding(content: bytes) -> Callable[[Path], Mapping[str, object]]:
    def write(folder: Path) -> Mapping[str, object]:
        (folder / "tile.npz").write_bytes(content)
        return {"TILE": folder / "tile.npz"}

    return write


CASES = [
    *(
        Case(f"tile, {name}", "replay", _changed(how), says)
        for name, (how, says) in CHANGED.items()
    ),
    *(
        Case(f"tile, {name}", "replay", _holding(how), says)
        for name, (how, says) in CONTENTS.items()
    ),
    Case("tile, none", "replay", lambda folder: {"TILE": folder / "none.npz"}, "no such file"),
    Case("tile, a folder", "replay", lambda folder: {"TILE": folder}, "not a file of a matrix"),
]
