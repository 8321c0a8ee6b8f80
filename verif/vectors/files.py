"""Golden vectors as files: JSON that describes itself, and fixed-width words for $readmemh.

A vector is a row of values, one for each field of its layout. Both forms hold the same rows in
the same order: JSON as people read them, hex with each field in its place of the word.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from model import ROUNDINGS, Format

Row = list[Any]


class Field(NamedTuple):
    """One field of a layout.

    Attributes
    ----------
    name
        What JSON calls it.
    bits
        Its width in the word, a multiple of 4.
    pack, unpack
        From the value in JSON to a non-negative integer of that width, and back.
    meaning
        One sentence, of both forms.
    """

    name: str
    bits: int
    pack: Callable[[Any], int]
    unpack: Callable[[int], Any]
    meaning: str


@dataclass(frozen=True)
class Layout:
    """What the vectors of one file are made of.

    Attributes
    ----------
    name
        Of the files, without their endings.
    about
        What the vectors say, in a sentence or two.
    fields
        In the order of JSON, and from the top of the word down.
    """

    name: str
    about: str
    fields: tuple[Field, ...]

    @property
    def bits(self) -> int:
        """Width of a word."""
        return sum(field.bits for field in self.fields)

    def places(self) -> list[tuple[Field, int, int]]:
        """Return each field with its highest and lowest bit in the word."""
        low, places = self.bits, []
        for field in self.fields:
            low -= field.bits
            places.append((field, low + field.bits - 1, low))
        return places

    def pack(self, row: Row) -> str:
        """Return a row as a hexadecimal word; ValueError if a value does not fit its field."""
        word = 0
        for field, value in zip(self.fields, row, strict=True):
            number = field.pack(value)
            if not 0 <= number < 1 << field.bits:
                raise ValueError(f"{self.name}: {field.name} {value} needs over {field.bits} bits")
            word = word << field.bits | number
        return f"{word:0{self.bits // 4}x}"

    def unpack(self, text: str) -> Row:
        """Return the row of a hexadecimal word."""
        word = int(text, 16)
        return [
            field.unpack(word >> low & (1 << field.bits) - 1) for field, _, low in self.places()
        ]


def unsigned(name: str, bits: int, meaning: str) -> Field:
    """Return a field of a non-negative integer."""
    return Field(name, bits, int, int, meaning)


def signed(name: str, bits: int, meaning: str) -> Field:
    """Return a field of an integer in two's complement."""
    half = 1 << bits - 1

    def pack(value: int) -> int:
        return value % (2 * half) if -half <= value < half else -1

    return Field(name, bits, pack, lambda number: (number ^ half) - half, meaning)


def choice(name: str, values: Iterable[str], meaning: str) -> Field:
    """Return a field of one of several words, in hex its number in the list."""
    words = list(values)
    listed = ", ".join(f"{number} {word}" for number, word in enumerate(words))
    return Field(name, 4, words.index, words.__getitem__, f"{meaning}: {listed}")


def optional_code(name: str, meaning: str) -> Field:
    """Return a field of a code or nothing."""
    return Field(
        name,
        12,
        lambda value: 0xFFF if value is None else value,
        lambda number: None if number == 0xFFF else number,
        f"{meaning}; null in JSON and fff in hex if there is none",
    )


def word32(name: str, meaning: str) -> Field:
    """Return a field of 32 bits, in JSON a hexadecimal text."""
    return Field(
        name, 32, lambda text: int(text, 16), "{:08x}".format, f"{meaning}, as 8 hexadecimal digits"
    )


def format_text(name: str, meaning: str) -> Field:
    """Return a field of a format: sign, exponent and fraction bits, and bias."""

    def pack(text: str | None) -> int:
        if text is None:
            return 0xFFFFF
        fmt = Format.parse(text)
        return fmt.sign << 16 | fmt.exponent << 12 | fmt.fraction << 8 | fmt.bias % 256

    def unpack(number: int) -> str | None:
        if number == 0xFFFFF:
            return None
        bias = (number & 0xFF ^ 0x80) - 0x80
        return str(Format(number >> 16, number >> 12 & 15, number >> 8 & 15, bias))

    return Field(
        name,
        20,
        pack,
        unpack,
        f"{meaning}; in hex a digit each for sign, exponent and fraction bits, then two for the "
        "bias in two's complement",
    )


def code_pairs(name: str, most: int, meaning: str) -> Field:
    """Return a field of up to `most` pairs of codes."""

    def pack(pairs: list[list[int]]) -> int:
        word = sum((w << 8 | a) << 8 + 16 * place for place, (a, w) in enumerate(pairs))
        return word | len(pairs)

    def unpack(number: int) -> list[list[int]]:
        count = number & 0xFF
        terms = [number >> 8 + 16 * place & 0xFFFF for place in range(count)]
        return [[term & 0xFF, term >> 8] for term in terms]

    return Field(
        name,
        8 + 16 * most,
        pack,
        unpack,
        f"{meaning}; in hex their number in the low 8 bits, then 16 bits for each, the first pair "
        "lowest, the first code of a pair in the low 8, and zeros after the last pair",
    )


def rounding_field() -> Field:
    """Return the field of a rounding mode."""
    return choice("rounding", ROUNDINGS, "rounding mode")


def flags_field() -> Field:
    """Return the field of a result's flags."""
    return unsigned("flags", 4, "sum of 1 for inexact, 2 for underflow and 4 for overflow")


def write_vectors(layout: Layout, rows: Iterable[Row], seed: int, folder: Path) -> int:
    """Write ``<name>.json`` and ``<name>.hex``, whole or not at all; return how many vectors.

    JSON has one vector a line.
    """
    parts = [folder / f"{layout.name}.{ending}.part" for ending in ("json", "hex")]
    count = 0
    with (
        parts[0].open("w", encoding="ascii") as json_file,
        parts[1].open("w", encoding="ascii") as hex_file,
    ):
        header = {"about": layout.about, "seed": seed, "fields": _described(layout)}
        json_file.write(json.dumps(header, indent=1)[:-2] + ',\n "vectors": [')
        for row in rows:
            json_file.write(f"{',' if count else ''}\n{json.dumps(row, separators=(',', ':'))}")
            hex_file.write(layout.pack(row) + "\n")
            count += 1
        json_file.write(f'\n ],\n "count": {count}\n}}\n')
    for part in parts:
        part.replace(part.with_suffix(""))
    return count


def read_json(layout: Layout, folder: Path) -> list[Row]:
    """Return the rows of the JSON file; ValueError if its own description or count is not so."""
    path = folder / f"{layout.name}.json"
    document = json.loads(path.read_text(encoding="ascii"))
    if document["fields"] != _described(layout):
        raise ValueError(f"{path}: its fields are not those of the layout {layout.name}")
    if len(document["vectors"]) != document["count"]:
        raise ValueError(
            f"{path}: {len(document['vectors'])} vectors, {document['count']} by its count"
        )
    return document["vectors"]


def read_hex(layout: Layout, folder: Path) -> Iterator[Row]:
    """Yield the rows of the hex file; ValueError for a word that is none of the layout's."""
    path = folder / f"{layout.name}.hex"
    with path.open(encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            word = line.rstrip("\n")
            try:
                row = layout.unpack(word)
            except (ValueError, IndexError):
                row = None
            if row is None or layout.pack(row) != word:
                raise ValueError(f"{path}, line {number}: {word} is no word of {layout.name}")
            yield row


def _described(layout: Layout) -> list[dict[str, Any]]:
    return [
        {"name": field.name, "bits": [high, low], "meaning": field.meaning}
        for field, high, low in layout.places()
    ]


def describe(layouts: Iterable[Layout], counts: dict[str, int], seed: int) -> str:
    """Return the text, in Markdown, that goes with the files."""
    lines = [
        "# FFP8 golden vectors",
        "",
        "Made by `make vectors` from exact rational arithmetic, which shares no code with the fast",
        f"model or the RTL. Seed {seed}; the same seed gives the same files.",
        "",
        "Each set is there twice, in the same order: `.json`, which describes itself (`fields`",
        "names the columns of `vectors`), and `.hex`, one word a line for Verilog's `$readmemh`:",
        "",
        "    reg [WIDTH-1:0] vectors [0:COUNT-1];",
        '    initial $readmemh("decode.hex", vectors);',
        "",
        "A number is given as an integer significand and a power of two,",
        "`significand * 2^exponent`, exactly.",
    ]
    for layout in layouts:
        lines += [
            "",
            f"## {layout.name}: {counts[layout.name]} vectors, WIDTH = {layout.bits}",
            "",
            layout.about,
            "",
            "| bits | field | meaning |",
            "|---|---|---|",
        ]
        lines += [
            f"| {high}:{low} | `{field.name}` | {field.meaning} |"
            for field, high, low in layout.places()
        ]
    return "\n".join(lines) + "\n"
