"""The reader of PyTorch files: exact on tensors, and deaf to anything else in a pickle."""

import struct
from pathlib import Path

import numpy as np
import pytest

from model.graph.packaged.state_dict import MAGIC, PROTOCOL, read_state_dict

FLOATS = np.array([1.5, -2, 0.25, 8, 1e-3, -7], np.float32)
COUNTS = np.array([41], np.int64)


def text(string: str) -> bytes:
    """Opcodes of a string, as PyTorch writes them: pickle protocol 2."""
    return b"X" + struct.pack("<i", len(string)) + string.encode()


def number(value: int) -> bytes:
    """Opcodes of an integer."""
    return b"J" + struct.pack("<i", value)


def group(*parts: bytes) -> bytes:
    """Opcodes of a tuple."""
    return b"(" + b"".join(parts) + b"t"


def numbers(values: tuple[int, ...]) -> bytes:
    """Opcodes of a tuple of integers."""
    return group(*map(number, values))


def pickled(opcodes: bytes) -> bytes:
    """Return a whole pickle of protocol 2."""
    return b"\x80\x02" + opcodes + b"."


def long(value: int) -> bytes:
    """Opcodes of an integer of any size."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "little")
    return b"\x8a" + bytes([len(data)]) + data


def tensor(
    key: str,
    count: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int = 0,
    kind: str = "FloatStorage",
    function: str = "torch._utils\n_rebuild_tensor_v2",
) -> bytes:
    """Opcodes of a tensor in a storage of ``count`` values."""
    storage = f"ctorch\n{kind}\n".encode()
    identity = group(text("storage"), storage, text(key), text("cpu"), number(count), b"N")
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = group(
        identity + b"Q", number(offset), numbers(shape), numbers(strides), b"\x89", hooks
    )
    return b"c" + function.encode() + b"\n" + arguments + b"R"


def pickles(entries: dict[str, bytes], storages: dict[str, np.ndarray]) -> list[bytes]:
    """Return the five pickles of a file, from the opcodes of each entry."""
    items = b"".join(text(name) + opcodes for name, opcodes in entries.items())
    return [
        pickled(long(MAGIC)),
        pickled(number(PROTOCOL)),
        pickled(b"}(" + text("little_endian") + b"\x88u"),
        pickled(b"ccollections\nOrderedDict\n)R(" + items + b"u"),
        pickled(b"](" + b"".join(map(text, storages)) + b"e"),
    ]


def state_dict(entries: dict[str, bytes], storages: dict[str, np.ndarray]) -> bytes:
    """Return a file like one of PyTorch 1.5."""
    values = [struct.pack("<q", len(array)) + array.tobytes() for array in storages.values()]
    return b"".join([*pickles(entries, storages), *values])


GOOD = {
    "layer.weight": tensor("10", 6, (2, 3), (3, 1)),
    "layer.turned": tensor("10", 6, (3, 2), (1, 3)),
    "layer.part": tensor("10", 6, (2,), (2,), offset=3),
    "layer.count": tensor("11", 1, (), (), kind="LongStorage"),
}
STORAGES = {"10": FLOATS, "11": COUNTS}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a test may write a file of weights."""
    return tmp_path / "weights.pth"


def test_state_dict_is_read_exactly(path):
    path.write_bytes(state_dict(GOOD, STORAGES))
    expected = {
        "layer.weight": FLOATS.reshape(2, 3),
        "layer.turned": FLOATS.reshape(2, 3).T,
        "layer.part": FLOATS[[3, 5]],
        "layer.count": COUNTS.reshape(()),
    }
    actual = read_state_dict(path)
    assert list(actual) == list(expected)
    for name, values in expected.items():
        assert actual[name].dtype == values.dtype and actual[name].flags.c_contiguous
        np.testing.assert_array_equal(actual[name], values, strict=True)


@pytest.mark.parametrize(
    "name",
    [
        *("os\nsystem", "builtins\neval", "builtins\ngetattr", "pathlib\nPath.touch"),
        *("collections\nCounter", "torch\nload", "torch._utils\n_rebuild_parameter"),
        "torch.storage\nFloatStorage",
    ],
)
def test_state_dict_with_another_name_is_refused(path, name):
    path.write_bytes(state_dict(GOOD | {"x": f"c{name}\n".encode()}, STORAGES))
    dotted = name.replace("\n", ".")
    with pytest.raises(ValueError, match=f"weights.pth: it asks for {dotted}, which no state"):
        read_state_dict(path)


@pytest.mark.parametrize("place", range(5))
def test_malicious_pickle_does_not_run(path, tmp_path, place):
    trace = tmp_path / "trace"
    attack = b"cos\nsystem\n" + group(text(f"touch '{trace}'")) + b"R"
    parts = pickles(GOOD, STORAGES)
    parts[place] = pickled(attack)
    path.write_bytes(b"".join(parts))
    with pytest.raises(ValueError, match="it asks for os.system"):
        read_state_dict(path)
    assert not trace.exists()


BAD_TENSORS = {
    "beyond its end": tensor("10", 6, (2, 3), (3, 2)),
    "one too far": tensor("10", 6, (2,), (1,), offset=5),
    "before its start": tensor("10", 6, (2,), (1,), offset=-1),
    "backwards": tensor("10", 6, (2,), (-1,), offset=3),
    "repeated": tensor("10", 6, (7,), (0,)),
    "empty": tensor("10", 6, (0,), (1,)),
}


@pytest.mark.parametrize("case", BAD_TENSORS)
def test_tensor_outside_its_storage_is_refused(path, case):
    path.write_bytes(state_dict({"w": BAD_TENSORS[case]}, {"10": FLOATS}))
    with pytest.raises(ValueError, match="'w' of shape .* does not fit into a storage of 6 values"):
        read_state_dict(path)


BAD_FILES = {
    "empty": (b"", "not a PyTorch file up to version 1.5, or truncated"),
    "zip": (b"PK\x03\x04" + bytes(60), "not a PyTorch file up to version 1.5, or truncated"),
    "magic": (pickled(number(7)), f"starts with 7, the files of PyTorch up to 1.5 have {MAGIC}"),
    "cut values": (state_dict(GOOD, STORAGES)[:-1], "truncated in storage '11'"),
    "cut count": (state_dict(GOOD, STORAGES)[:-16], "storage '11' has 0 values, its tensors want"),
    "cut pickle": (state_dict(GOOD, STORAGES)[:200], "truncated"),
    "short": (state_dict(GOOD, STORAGES | {"10": FLOATS[:5]}), "storage '10' has 5 values"),
    "no storage": (state_dict(GOOD, {"10": FLOATS}), "'layer.count' lies in storage '11', which"),
    "stray": (state_dict(GOOD, STORAGES | {"12": FLOATS}), "storage '12' belongs to no tensor"),
    "no tensor": (state_dict({"epoch": number(3)}, {}), "entry 'epoch' is no tensor"),
    "shape": (
        state_dict({"w": tensor("10", 6, (6,), (1, 1))}, STORAGES),
        r"shape \(6,\) and strides \(1, 1\) makes no sense",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_damaged_state_dict_is_refused(path, case):
    data, message = BAD_FILES[case]
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"weights.pth: .*{message}"):
        read_state_dict(path)
