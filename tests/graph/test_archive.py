"""Arrays of .npz files from outside: what they claim is held against what is there."""

from __future__ import annotations

import io
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest

from model.graph import archive
from model.graph.archive import read_arrays

VALUES = np.arange(60, dtype=np.float32).reshape(5, 3, 4)
TERA = 2**40


def member(path: Path, content: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    """Write an archive whose array ``a`` consists of these bytes."""
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("a.npy", content)
    return path


def claiming(shape: tuple[int, ...], dtype: str = "<f4", content: bytes = b"") -> bytes:
    """Return an array's header, whatever it says, and some content."""
    header = io.BytesIO()
    described = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue() + content


def of_version_2() -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, VALUES, version=(2, 0))
    return file.getvalue()


def saved(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


REFUSED = {
    "terabytes": (claiming((TERA,)), "shape (1099511627776,), 4,398,046,511,104 bytes, and has 0"),
    "too little": (claiming((3,), content=bytes(11)), "shape (3,), 12 bytes, and has 11"),
    "too much": (claiming((3,), content=bytes(13)), "shape (3,), 12 bytes, and has 13"),
    "negative": (claiming((-1, -1), content=bytes(4)), "of shape (-1, -1), 4 bytes, and has 4"),
    "objects": (saved(np.array([print])), "holds Python objects, numbers or text are expected"),
    "records": (saved(np.zeros(2, "f4,f4")), "holds records, numbers or text are expected"),
    "version": (of_version_2(), "is of version (2, 0), (1, 0) is expected"),
    "text": (b"no array", "not a readable .npz file, or truncated"),
    "empty": (b"", "not a readable .npz file, or truncated"),
}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("case", REFUSED)
def test_an_array_that_is_not_what_it_claims_is_refused(
    tmp_path: Path, case: str, compression: int
) -> None:
    content, says = REFUSED[case]
    with pytest.raises(ValueError) as refusal:
        read_arrays(member(tmp_path / "a.npz", content, compression), ["a"])
    assert says in str(refusal.value) and "\n" not in str(refusal.value)


def test_what_unpacks_to_very_much_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    zeros = archive.HELD_BYTES + 4
    member(path, claiming((zeros // 4,), content=bytes(zeros)), zipfile.ZIP_DEFLATED)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"at most 100 times as many are unpacked"):
        read_arrays(path, ["a"])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8000


def test_a_directory_that_claims_more_than_the_file_has_is_refused(tmp_path: Path) -> None:
    path = member(tmp_path / "a.npz", claiming((TERA,)))
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    claimed = 2**31
    content[entry + 20 : entry + 28] = claimed.to_bytes(4, "little") * 2  # compressed, unpacked
    length = len(claiming((2**40,)))
    header = claiming(((claimed - length) // 4,))
    assert len(header) == length
    start = content.index(b"\x93NUMPY")
    content[start : start + length] = header
    path.write_bytes(content)
    with pytest.raises(ValueError, match="take 2,147,483,648 bytes of a file that has fewer"):
        read_arrays(path, ["a"])


@pytest.mark.parametrize("held", [archive.HELD_BYTES, 16])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("values", [VALUES, np.asfortranarray(VALUES)], ids=["rows", "columns"])
def test_arrays_come_as_they_were_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int, save: object, values: np.ndarray
) -> None:
    path = tmp_path / "a.npz"
    save(path, a=values, text="words", other=np.array([None]))
    monkeypatch.setattr(archive, "HELD_BYTES", held)
    arrays = read_arrays(path, ["a"], ["text", "none"])
    assert list(arrays) == ["a", "text"] and str(arrays["text"]) == "words"
    assert isinstance(arrays["a"], np.memmap) == (held == 16)
    assert arrays["a"].dtype == values.dtype and np.array_equal(arrays["a"], values)
    arrays["a"][0] = -1
    assert np.array_equal(read_arrays(path, ["a"])["a"], values)


@pytest.mark.parametrize("held", [archive.HELD_BYTES, 16])
def test_a_changed_value_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    path = member(tmp_path / "a.npz", saved(VALUES))
    content = bytearray(path.read_bytes())
    content[content.index(VALUES.tobytes()) + 5] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(archive, "HELD_BYTES", held)
    with pytest.raises(ValueError, match=r"truncated \(Bad CRC-32"):
        read_arrays(path, ["a"])


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    path = member(tmp_path / "a.npz", saved(VALUES))
    with pytest.raises(ValueError, match=r"no array 'b' \(arrays: a\)"):
        read_arrays(path, ["b"])
    with pytest.raises(ValueError, match="no such file"):
        read_arrays(tmp_path / "none.npz", ["a"])
