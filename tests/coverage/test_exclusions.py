"""What proves that an excluded bin can never be hit, and that a stale exclusion is an error."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from importlib import import_module

import numpy as np
import pytest

from model import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW, ROUNDINGS, Format, supported_splits
from model.format import rational
from verif.coverage import exclusions
from verif.coverage.exclusions import ExclusionError, check, excluded
from verif.coverage.result_points import positions
from verif.engine import floats

SPLITS = supported_splits(8)
BINARY32_LARGEST = 0x7F7FFFFF
QUARTERS = (Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))


def neighbourhood(fmt: Format) -> list[Fraction]:
    """Return every magnitude, and the quarters of the step above it."""
    integers = [Fraction(int(x)) for x in fmt.integers(np.arange(fmt.max_code + 1, dtype=np.uint8))]
    steps = [after - before for before, after in zip(integers, integers[1:], strict=False)]
    steps.append(steps[-1])
    unit = Fraction(2) ** fmt.unit_exponent
    return [(x + q * s) * unit for x, s in zip(integers, steps, strict=True) for q in QUARTERS]


def encoded(fmt: Format, value: Fraction, rounding: str) -> tuple[int, int]:
    """Return code and flags by the exact definition."""
    fields = fmt.sign, fmt.exponent, fmt.fraction, fmt.bias
    return rational.encode(fields, value, rounding, None)


def test_the_largest_code_is_odd() -> None:
    formats = [Format(*split, 0) for split in SPLITS]
    assert len(formats) == 17 and all(fmt.max_code & 1 for fmt in formats)
    assert BINARY32_LARGEST & 1
    found = {
        position
        for fmt in formats
        for mode in ROUNDINGS
        for value in neighbourhood(fmt)[-4:]
        for position, region in positions(fmt, value, *encoded(fmt, value, mode))
        if region == "largest"
    }
    assert found == {"exact", "below tie", "tie to even up", "above tie", "next binade"}


def test_truncation_never_carries() -> None:
    carried = Counter()
    for split in SPLITS:
        fmt = Format(*split, 3)
        for value in neighbourhood(fmt):
            for mode in ROUNDINGS:
                found = positions(fmt, value, *encoded(fmt, value, mode))
                carried[mode] += ("next binade") in [position for position, _ in found]
    assert carried["rtz"] == 0 < min(carried[mode] for mode in ("rne", "rmm", "rup"))


def test_flags_that_come_together() -> None:
    seen = Counter()
    for split in SPLITS:
        fmt = Format(*split, 0)
        values = neighbourhood(fmt)
        for value in [*values, values[-1] * 3, *(-x for x in values)]:
            seen.update(encoded(fmt, value, mode)[1] for mode in ROUNDINGS)
    words = [*range(0x200), *range(0x7F7FFF00, 0x7F800000), *range(0x3F800000, 0x3F800100)]
    for word in words:
        low = Fraction(float(np.uint32(word).view(np.float32)))
        step = Fraction(2) ** (max(word >> 23, 1) - 150)
        seen.update(rational.encode_binary32(low + q * step)[1] for q in QUARTERS)
    underflow, overflow = FLAG_UNDERFLOW | FLAG_INEXACT, FLAG_OVERFLOW | FLAG_INEXACT
    assert set(seen) == {0, FLAG_INEXACT, underflow, overflow}
    assert sum(seen.values()) > 80_000


def test_a_binary32_sum_is_a_binary32_result(rng: np.random.Generator) -> None:
    """A sum of 24 bits lies exactly on a normal result, whatever its exponent there."""
    checked = 0
    for significand in [1 << 23, (1 << 24) - 1, *rng.integers(1 << 23, 1 << 24, 500).tolist()]:
        for exponent in range(-126, 128):
            total = floats.rounded(significand * Fraction(2) ** (exponent - 23))
            word, flags = rational.encode_binary32(total)
            assert flags == 0
            ((position, _),) = positions(None, total, word, flags)
            checked += position == "exact"
    assert checked == 502 * 254


def test_every_exclusion_names_a_proof_that_exists() -> None:
    loaded = exclusions.load()
    assert loaded
    for exclusion in loaded:
        path, _, name = exclusion.proof.partition("::")
        module = import_module(path.removesuffix(".py").replace("/", "."))
        assert callable(getattr(module, name)), exclusion.proof


HITS = {"unit": {"flags": {"signed: all": 0, "signed: inexact": 3}}}


def test_a_stale_exclusion_is_an_error() -> None:
    one = next(e for e in exclusions.load() if e.bins == "*: all")
    check([one], HITS)
    assert excluded([one], "unit", HITS["unit"]) == {"flags": {"signed: all"}}
    assert excluded([replace(one, groups="array")], "unit", HITS["unit"]) == {"flags": set()}
    with pytest.raises(ExclusionError, match="matches no bin"):
        check([replace(one, bins="nothing*")], HITS)
    with pytest.raises(ExclusionError, match="'signed: inexact' of unit was hit 3 times"):
        check([replace(one, bins="signed: inexact")], HITS)


def test_an_incomplete_exclusion_is_an_error(tmp_path) -> None:
    path = tmp_path / "exclusions.yaml"
    path.write_text("- {point: flags, bins: x, groups: y, category: dull, reason: r, proof: p}")
    with pytest.raises(ExclusionError, match="category 'dull', choose of impossible by"):
        exclusions.load(path)
    path.write_text("- {point: flags, bins: x}")
    with pytest.raises(ExclusionError, match="missing 4 required"):
        exclusions.load(path)
