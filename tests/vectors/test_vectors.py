"""Golden vectors: complete, the same in both forms, and what the fast model computes."""

import json
import random
import shutil
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from model import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW, ROUNDINGS, Format, gemm
from model.format.rational import decode_binary32
from verif.vectors.__main__ import LAYOUTS, main
from verif.vectors.cases import DECODE, ENCODE, SPLITS
from verif.vectors.dots import DOT, KINDS, dot_rows
from verif.vectors.files import Layout, Row, read_hex, read_json

DOTS = 600
COUNTS = {"decode": 17 * 6 * 256, "dot": DOTS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder with a small set of vectors."""
    path = tmp_path_factory.mktemp("vectors")
    assert main(["--seed", "5", "--dots", str(DOTS), "--folder", str(path)]) == 0
    return path


def as_dicts(layout: Layout, rows: list[Row]) -> list[dict]:
    """Return rows with the names of their fields."""
    names = [field.name for field in layout.fields]
    return [dict(zip(names, row, strict=True)) for row in rows]


def read_both(layout: Layout, folder: Path) -> list[dict]:
    """Return the vectors of a set; AssertionError if JSON and hex differ."""
    rows = read_json(layout, folder)
    assert list(read_hex(layout, folder)) == rows, f"{layout.name}: hex differs from JSON"
    return as_dicts(layout, rows)


def assert_decode(vectors: list[dict]) -> int:
    """Compare with the fast model; return how many agree, which is all of them."""
    for vector in vectors:
        value = Format.parse(vector["format"]).exact(vector["code"])
        assert value == vector["significand"] * Fraction(2) ** vector["exponent"], vector
    return len(vectors)


def assert_encode(vectors: list[dict]) -> int:
    """Compare with the fast model; return how many agree, which is all of them."""
    groups = {}
    for vector in vectors:
        groups.setdefault((vector["format"], vector["rounding"]), []).append(vector)
    for (text, rounding), group in groups.items():
        columns = np.array([[vector["significand"], vector["exponent"]] for vector in group]).T
        results = Format.parse(text).encode_scaled(columns[0].astype(float), columns[1], rounding)
        expected = [(vector["code"], vector["flags"]) for vector in group]
        assert list(zip(*map(np.ndarray.tolist, results), strict=True)) == expected, text
    return len(vectors)


def assert_dot(vectors: list[dict]) -> int:
    """Compare with the fast model; return how many agree, which is all of them."""
    for vector in vectors:
        assert fast_dot(vector, vector["accumulator"]) == (vector["result"], vector["flags"]), (
            vector
        )
    return len(vectors)


def fast_dot(vector: dict, accumulator: str) -> tuple[str, int]:
    """Return the fast model's result and flags."""
    a, w = np.array(vector["pairs"], dtype=np.uint8).reshape(-1, 2).T
    fmt_a, fmt_w = Format.parse(vector["format_a"]), Format.parse(vector["format_w"])
    fmt_y = Format.parse(vector["format_y"]) if vector["format_y"] else None
    start = float(decode_binary32(int(vector["start"], 16)))
    options = (accumulator, vector["rounding"], vector["clamp"])
    results, flags = gemm(a[np.newaxis], w[:, np.newaxis], fmt_a, fmt_w, start, fmt_y, *options)
    return f"{results.item():08x}", flags.item()


CHECKS = {"decode": assert_decode, "encode": assert_encode, "dot": assert_dot}


def test_files(folder):
    """Every file is there, with as many vectors as the summary and the description say."""
    names = {f"{layout.name}.{ending}" for layout in LAYOUTS for ending in ("json", "hex")}
    assert {path.name for path in folder.iterdir()} == names | {"summary.json", "README.md"}
    counts = json.loads((folder / "summary.json").read_text())["counts"]
    assert set(counts) == names
    readme = (folder / "README.md").read_text()
    for layout in LAYOUTS:
        rows = read_json(layout, folder)
        lines = (folder / f"{layout.name}.hex").read_text().splitlines()
        assert {len(line) * 4 for line in lines} == {layout.bits}
        both = {counts[f"{layout.name}.{ending}"] for ending in ("json", "hex")}
        assert both == {len(rows)} == {len(lines)}
        assert len(rows) == COUNTS.get(layout.name, len(rows)) > 0
        assert f"{layout.name}: {len(rows)} vectors, WIDTH = {layout.bits}" in readme
        assert all(
            f"| {high}:{low} | `{field.name}`" in readme for field, high, low in layout.places()
        )


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_agreement(layout, folder):
    """JSON and hex hold the same vectors, and the fast model computes every one of them."""
    vectors = read_both(layout, folder)
    assert CHECKS[layout.name](vectors) == len(vectors) == COUNTS.get(layout.name, len(vectors))


def test_decode_is_complete(folder):
    """Every code of every split, at the ends of the bias register and between."""
    seen = Counter()
    for vector in as_dicts(DECODE, read_json(DECODE, folder)):
        fmt = Format.parse(vector["format"])
        seen[fmt.sign, fmt.exponent, fmt.fraction, vector["code"]] += 1
        seen[fmt.bias] += 1
    assert all(seen[(*split, code)] == 6 for split in SPLITS for code in range(256))
    assert seen[-128] == seen[127] == 17 * 256


def test_encode_is_complete(folder):
    """Every split in every mode meets each of its values, midpoints, neighbours and both ends."""
    groups = {}
    for vector in as_dicts(ENCODE, read_json(ENCODE, folder)):
        groups.setdefault((vector["format"], vector["rounding"]), []).append(vector)
    splits = Counter(text.split("b")[0] for text, _ in groups)
    assert len(splits) == 17 and set(splits.values()) <= {4, 5}
    assert len({(text.split("b")[0], rounding) for text, rounding in groups}) == 17 * len(ROUNDINGS)
    for (text, _), group in groups.items():
        fmt = Format.parse(text)
        given = {v["significand"] * Fraction(2) ** v["exponent"] for v in group}
        values = [fmt.exact(code) for code in range(fmt.max_code + 1)]
        middles = {(low + high) / 2 for low, high in zip(values, values[1:], strict=False)}
        wanted = {*values, *middles}
        assert given >= wanted | ({-value for value in wanted} if fmt.sign else set())
        assert len(given) > 3 * len(wanted)
        assert max(given) > 2 * values[-1] and any(value < 0 for value in given)
        codes = {vector["code"] for vector in group}
        assert codes == set(range(256)) - ({0x80} if fmt.sign else set())
        flags = {vector["flags"] for vector in group}
        assert {0, FLAG_INEXACT, FLAG_INEXACT | FLAG_OVERFLOW} <= flags
        assert FLAG_INEXACT | FLAG_UNDERFLOW in flags or not _underflows(group)


def _underflows(group: list[dict]) -> bool:
    """Tell whether a positive number, or a negative one of a signed format, rounds to zero."""
    return any(vector["code"] == 0 and vector["significand"] > 0 for vector in group)


def test_dots_reach_their_corners(folder):
    """Each kind comes with both accumulators; flags, clamps and raw results all occur."""
    seen = Counter()
    for vector in as_dicts(DOT, read_json(DOT, folder)):
        seen[vector["kind"], vector["accumulator"]] += 1
        raw, flags = vector["format_y"] is None, vector["flags"]
        seen["raw" if raw else vector["rounding"]] += 1
        for flag in (FLAG_INEXACT, FLAG_UNDERFLOW, FLAG_OVERFLOW):
            seen[flag] += flags & flag > 0
        seen["exact result"] += flags == 0 and vector["result"] != "00000000"
        seen["clamp"] += vector["clamp"] is not None
        seen["start"] += vector["start"] != "00000000"
        other = {"exact": "binary32", "binary32": "exact"}[vector["accumulator"]]
        seen["accumulators differ"] += fast_dot(vector, other) != (vector["result"], flags)
    for kind in KINDS:
        assert seen[kind, "exact"] == seen[kind, "binary32"] == DOTS / 10
    features = ("raw", *ROUNDINGS, "exact result", "clamp", "start", "accumulators differ")
    flags = (FLAG_INEXACT, FLAG_UNDERFLOW, FLAG_OVERFLOW)
    assert min(seen[feature] for feature in (*features, *flags)) >= 10, seen


def test_deterministic():
    """The same seed gives the same vectors, another one others."""
    assert list(dot_rows(3, 40)) == list(dot_rows(3, 40)) != list(dot_rows(4, 40))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_corruption_is_noticed(layout, folder, tmp_path, seed):
    """A digit changed in hex alone differs from JSON; a result changed in both from the model."""
    source = random.Random(seed)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / f"{layout.name}.hex"
    lines = path.read_text().splitlines(keepends=True)
    number, digit = source.randrange(len(lines)), source.randrange(layout.bits // 4)
    changed = f"{int(lines[number][digit], 16) ^ 1 << source.randrange(4):x}"
    lines[number] = lines[number][:digit] + changed + lines[number][digit + 1 :]
    path.write_text("".join(lines))
    with pytest.raises((AssertionError, ValueError), match="hex differs|is no word of"):
        read_both(layout, tmp_path)
    vectors = as_dicts(layout, read_json(layout, folder))
    name = {"decode": "exponent", "encode": "code", "dot": "flags"}[layout.name]
    victim = source.choice([vector for vector in vectors if vector.get("significand", 1)])
    victim[name] ^= 1
    with pytest.raises(AssertionError):
        CHECKS[layout.name](vectors)


def test_a_missing_vector_is_noticed(folder, tmp_path):
    """Files cut short, and a description that is not the layout's, are refused."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "dot.hex"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(AssertionError, match="hex differs"):
        read_both(DOT, tmp_path)
    path = tmp_path / "dot.json"
    text = path.read_text()
    path.write_text(text.replace(f'"count": {DOTS}', f'"count": {DOTS + 1}'))
    with pytest.raises(ValueError, match=f"{DOTS} vectors, {DOTS + 1} by its count"):
        read_json(DOT, tmp_path)
    path.write_text(text.replace("668", "667", 1))
    with pytest.raises(ValueError, match="not those of the layout"):
        read_json(DOT, tmp_path)


def test_too_wide_a_value_is_refused():
    """No value is cut to the width of its field."""
    row = ["s1e4f3b7", 0x38, 1, 0]
    assert DECODE.unpack(DECODE.pack(row)) == row
    for place, value in ((1, 256), (2, 2**15), (2, -(2**15) - 1), (3, 2**15)):
        wrong = [*row[:place], value, *row[place + 1 :]]
        with pytest.raises(ValueError, match=f"decode: {DECODE.fields[place].name} {value}"):
            DECODE.pack(wrong)
