"""The formats chosen for a network as a small text file (YAML), version 2."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import yaml

from ..format.format import Format
from ..graph.files import written_whole
from .method import Selection
from .selection import BIAS_MAX, BIAS_MIN, ColumnFormats

VERSION = 2
KEYS = "version", "network", "exp_max", "k_max", "objective", "tensors", "scales", "weights"
INPUTS = ("MODEL", "DATA", "CALIBRATION")
"""What the optional key ``inputs`` has the hashes of."""

OBJECTIVES = ("output", "tensor")


def dump_selection(selection: Selection) -> str:
    """Return the text of a selection's file."""
    inputs = {"inputs": dict(selection.inputs)} if selection.inputs else {}
    content = {
        "version": VERSION,
        "network": selection.network,
        **inputs,
        "exp_max": selection.exp_max,
        "k_max": selection.k_max,
        "objective": selection.objective,
    }
    tensors = {
        "tensors": {name: str(fmt) for name, fmt in selection.tensors.items()},
        "scales": dict(selection.scales),
    }
    weights = {
        "weights": {
            name: {"split": _split_text(chosen.fmt), "biases": chosen.biases.tolist()}
            for name, chosen in selection.weights.items()
        },
    }
    dump = partial(yaml.safe_dump, sort_keys=False, width=100)
    parts = (content, False), (tensors, False), (weights, None)  # a tensor is a line
    return "".join(dump(part, default_flow_style=style) for part, style in parts)


def write_selection(selection: Selection, path: str | Path) -> None:
    """Write a selection's file, whole or not at all."""
    with written_whole(Path(path)) as file:
        file.write(dump_selection(selection).encode())


def read_selection(path: str | Path) -> Selection:
    """Read a selection's file.

    Raises
    ------
    ValueError
        If it is missing, or not such a file, naming what is wrong and what would be right.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{path}: cannot be read ({reason})") from None
    try:
        content = yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"{path}: not a YAML file of plain values ({_one_line(error)})") from None
    try:
        return _parse(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


class _Loader(yaml.SafeLoader):
    """Takes no aliases: a short file of nested ones would stand for more than memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        """Compose a node that is written where it stands."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: alias *{event.anchor}, a selection has none")
        return super().compose_node(parent, index)


def _parse(content: object) -> Selection:
    if not isinstance(content, dict):
        raise ValueError(f"not a selection of formats: one has the keys {', '.join(KEYS)}")
    wrong = [f"no key '{key}'" for key in KEYS if key not in content]
    wrong += [f"unknown key '{key}'" for key in content if key not in (*KEYS, "inputs")]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: a selection has the keys {', '.join(KEYS)}")
    version = content["version"]
    if type(version) is not int or version != VERSION:
        raise ValueError(f"version {version!r}, this program reads {VERSION}")
    for name, least, greatest in (("exp_max", 0, 8), ("k_max", 1, 2**24)):
        value = content[name]
        if type(value) is not int or not least <= value <= greatest:
            raise ValueError(f"{name} {value!r}: an integer from {least} to {greatest} is needed")
    if content["objective"] not in OBJECTIVES:
        raise ValueError(f"objective {content['objective']!r}: one of {', '.join(OBJECTIVES)}")
    for name in ("tensors", "scales", "weights"):
        if not isinstance(content[name], dict):
            raise ValueError(f"{name}: a mapping from names to formats is needed")
    inputs = content.get("inputs", {})
    if not isinstance(inputs, dict) or not {*map(str, inputs)} <= {*INPUTS}:
        raise ValueError(f"inputs: a mapping from {', '.join(INPUTS)} to hashes is needed")
    exp_max = content["exp_max"]
    tensors = {
        str(name): _format(f"tensor '{name}'", text, exp_max)
        for name, text in content["tensors"].items()
    }
    scales = {str(name): _scale(str(name), number) for name, number in content["scales"].items()}
    weights = {
        str(name): _column_formats(f"weights of '{name}'", entry, exp_max)
        for name, entry in content["weights"].items()
    }
    return Selection(
        str(content["network"]),
        exp_max,
        content["k_max"],
        content["objective"],
        tensors,
        weights,
        scales,
        {str(name): str(text) for name, text in inputs.items()},
    )


def _format(what: str, text: object, exp_max: int) -> Format:
    try:
        fmt = Format.parse(str(text))
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
    if fmt.exponent > exp_max:
        raise ValueError(f"{what}: {fmt} has {fmt.exponent} exponent bits, exp_max is {exp_max}")
    _check_biases(what, [fmt.bias])
    return fmt


def _column_formats(what: str, entry: object, exp_max: int) -> ColumnFormats:
    if not isinstance(entry, dict) or set(entry) != {"split", "biases"}:
        raise ValueError(f"{what}: a split like s1e3f4 and biases are needed")
    fmt = _format(what, f"{entry['split']}b0", exp_max)
    biases = entry["biases"]
    if not isinstance(biases, list) or not biases or {type(b) for b in biases} != {int}:
        raise ValueError(f"{what}: biases {biases!r}, a list of integers is needed")
    _check_biases(what, biases)
    return ColumnFormats(fmt, np.array(biases, dtype=np.int64), float("nan"))


def _scale(name: str, number: object) -> float:
    if type(number) is not float or not 1 < number < 2:
        raise ValueError(f"scale of '{name}': {number!r}, a number between 1 and 2 is needed")
    return number


def _check_biases(what: str, biases: list[int]) -> None:
    for bias in biases:
        if not BIAS_MIN <= bias <= BIAS_MAX:
            raise ValueError(f"{what}: bias {bias}, one from {BIAS_MIN} to {BIAS_MAX} is needed")


def _split_text(fmt: Format) -> str:
    return str(fmt).partition("b")[0]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
