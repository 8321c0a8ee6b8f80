"""From codes to beats and back."""

import numpy as np
import pytest

from model import Format
from verif.engine import describe
from verif.engine.mismatch import describe_mismatch, describe_result, first_difference
from verif.engine.tile import Configuration, Tile, cut, tiles_of, unpack_rows
from verif.replay.product import Product
from verif.replay.product_file import load_product, save_product

CONFIGURATION = Configuration(
    Format.parse("s0e4f4b12"), Format.parse("s1e3f4b0"), Format.parse("s1e4f3b7"), "rup", 0x70
)


def product(m: int, k: int, n: int) -> Product:
    """Make a product with distinct contents in all its arrays."""
    random = np.random.default_rng(m * 100 + k * 10 + n)
    codes = random.integers(0, 256, (m + n, k), dtype=np.uint8)
    return Product(
        CONFIGURATION,
        codes[:m],
        np.ascontiguousarray(codes[m:].T),
        random.standard_normal(n).astype(np.float32),
        random.integers(-128, 128, n),
        random.integers(0, 256, (m, n), dtype=np.uint8),
        random.integers(0, 8, (m, n), dtype=np.uint8),
    )


def test_beats_hold_what_the_streams_promise():
    tile = product(2, 3, 4).tile((0, 0), (2, 4))
    assert list(tile.a_beats()) == [tile.a_codes[r, k] for k in range(3) for r in range(2)]
    assert list(tile.w_beats()) == [tile.w_codes[k, c] for k in range(3) for c in range(4)]
    beats = tile.c_beats()
    assert len(beats) == 8 * 4
    for column in range(4):
        beat = beats[8 * column : 8 * column + 8]
        assert np.frombuffer(beat[:4], "<f4")[0] == tile.start[column]
        assert int.from_bytes(beat[4:5], "little", signed=True) == tile.biases_w[column]
        assert beat[5:] == b"\0\0\0"


def test_tiles_cover_a_product_once_and_pad_with_zero():
    whole = product(5, 3, 7)
    seen = np.zeros((5, 7), int)
    for first in tiles_of(5, 7, 2, 3):
        seen[whole.part(first, (2, 3))] += 1
        tile = whole.tile(first, (2, 3))
        assert tile.a_codes.shape == (2, 3)
        assert tile.w_codes.shape == (3, 3)
        for index in np.ndindex(2, 3):
            row, col = first[0] + index[0], first[1] + index[1]
            inside = whole.a_codes[row] if row < 5 else np.zeros(3)
            assert (tile.a_codes[index[0]] == inside).all()
            inside = whole.w_codes[:, col] if col < 7 else np.zeros(3)
            assert (tile.w_codes[:, index[1]] == inside).all()
            assert tile.start[index[1]] == (whole.start[col] if col < 7 else 0)
            assert tile.biases_w[index[1]] == (whole.biases_w[col] if col < 7 else 0)
    assert (seen == 1).all()
    assert len(whole.tiles(2, 3)) == 9


def test_rows_of_codes_and_of_words_come_apart():
    cols = 3
    beat = bytes([1, 2, 3]) + bytes(9)
    keep = [1, 1, 1] + [0] * 9
    results, flags = unpack_rows(beat * 2, keep * 2, [0o210] * 12 + [0o007] * 12, cols)
    assert results.tolist() == [[1, 2, 3], [1, 2, 3]]
    assert flags.tolist() == [[0, 1, 2], [7, 0, 0]]
    words = np.array([1, 2**31, 3], "<u4")
    results, _ = unpack_rows(words.tobytes(), [1] * 12, [0] * 12, cols)
    assert results.tolist() == [words.tolist()]
    with pytest.raises(ValueError, match="bytes that TKEEP drops"):
        unpack_rows(bytes([1, 2, 3, 4]) + bytes(8), keep, [0] * 12, cols)
    with pytest.raises(ValueError, match="neither codes nor words"):
        unpack_rows(beat, [1] * 6 + [0] * 6, [0] * 12, cols)


def test_a_product_survives_its_file(tmp_path):
    path = tmp_path / "product.npz"
    saved = product(4, 2, 3)
    save_product(saved, path, rows=16)
    read, description = load_product(path)
    assert read.configuration == CONFIGURATION
    assert description["rows"] == 16
    for name in ("a_codes", "w_codes", "start", "biases_w", "expected", "flags"):
        assert (getattr(read, name) == getattr(saved, name)).all()
    assert [file.name for file in tmp_path.iterdir()] == ["product.npz"]


def test_expectation_is_the_models():
    fmt = Format.parse("s1e4f3b7")
    tile = Tile(
        Configuration(fmt, Format.parse("s1e4f3b0"), fmt),
        np.array([[0x38, 0x40]], np.uint8),
        np.array([[0x38], [0x3C]], np.uint8),
        np.array([0.5], np.float32),
        np.array([7]),
    )
    codes, flags = tile.expected(width=53)
    assert fmt.decode(codes).tolist() == [[1.0 * 1.0 + 2.0 * 1.5 + 0.5]]
    assert flags.tolist() == [[0]]


def test_a_difference_is_found_and_described():
    codes = np.array([[1, 2], [3, 4]], np.uint8)
    flags = np.zeros((2, 2), np.uint8)
    assert first_difference((codes, flags), (codes, flags)) is None
    other = codes.copy()
    other[1, 0] = 0
    assert first_difference((codes, flags), (other, flags)) == (1, 0)
    other_flags = flags.copy()
    other_flags[0, 1] = 4
    assert first_difference((codes, flags), (codes, other_flags)) == (0, 1)
    assert first_difference((codes, flags), (codes.astype("<u4"), flags)) is not None
    tile = cut(
        CONFIGURATION,
        np.array([[1], [0x80]], np.uint8),
        np.array([[0x83, 0]], np.uint8),
        np.zeros(2, np.float32),
        np.zeros(2, int),
        (0, 0),
        (2, 2),
    )
    text = describe_mismatch(tile, (1, 0), (codes, flags), (other, flags))
    assert "row 1, column 0 of the tile; a s0e4f4b12, w s1e3f4b0" in text
    assert (
        "expected: 0x03 of s1e4f3b7 = 0.005859375 = 3 * 2^-9 (sign 0, exponent 0, significand 3)"
        in text
    )
    assert (
        "actual: 0x00 of s1e4f3b7 = 0.0 = 0 (sign 0, exponent 0, significand 0), no flags" in text
    )
    assert (
        "k = 0: a 0x80 of s0e4f4b12 = 0.0625 = 1 * 2^-4 (sign 0, exponent 8, significand 16)"
        in text
    )


def test_codes_are_decoded_for_people():
    assert describe.code(Format.parse("s1e4f3b7"), 0xB9) == (
        "0xb9 of s1e4f3b7 = -1.125 = -9 * 2^-3 (sign 1, exponent 7, significand 9)"
    )
    assert describe_result(None, 0x3F800000).startswith("0x3f800000 = 1.0 = 1 (sign 0")
