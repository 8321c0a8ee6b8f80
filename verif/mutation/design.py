"""The design under mutation: its modules' texts, and who instantiates whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from verif.mutation.mutant import Mutant, MutationError

INSTANCE = re.compile(r"^\s*ffp8_(\w+)\s*(?:#\s*\(|\w+\s*\()", re.MULTILINE)
PORT = re.compile(
    r"\b(input|output)\s+(?:wire|reg)?\s*(?:signed)?\s*(?:\[([^\]]*)\])?\s*(\w+)\s*(?=,|\n|/)"
)


@dataclass(frozen=True)
class Design:
    """One snapshot of the design.

    Attributes
    ----------
    sources : Mapping
        Text of each module by its name without ``ffp8_``.
    headers : Mapping
        Text of each file that modules include, by its name.
    """

    sources: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Design:
        """Read the ``ffp8_*.v`` of a folder.

        Raises
        ------
        MutationError
            If there is none.
        """
        paths = sorted(folder.glob("ffp8_*.v"))
        if not paths:
            raise MutationError(
                f"{folder}: no ffp8_*.v in it, expected the folder of the design, as in --hdl hdl"
            )
        texts = {path.stem.removeprefix("ffp8_"): path.read_text("utf-8") for path in paths}
        headers = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.vh"))}
        return cls(texts, headers)

    @cached_property
    def children(self) -> dict[str, set[str]]:
        """Modules that each module instantiates itself."""
        return {
            name: set(INSTANCE.findall(text)) & set(self.sources)
            for name, text in self.sources.items()
        }

    def closure(self, module: str) -> list[str]:
        """Return the module and all that is inside it, sorted."""
        found, left = {module}, [module]
        while left:
            inside = self.children[left.pop()] - found
            found |= inside
            left += inside
        return sorted(found)

    def users(self, module: str) -> list[str]:
        """Return the modules that contain `module`, the nearest first."""
        levels, level = {module: 0}, 0
        while level in levels.values():
            inside = {name for name, distance in levels.items() if distance == level}
            level += 1
            for name, children in self.children.items():
                if children & inside:
                    levels.setdefault(name, level)
        del levels[module]
        return sorted(levels, key=lambda name: (levels[name], name))

    def header(self, module: str) -> str:
        """Return the module's head, from ``module`` to the ``;`` that ends its ports."""
        text = self.sources[module]
        start = text.index(f"module ffp8_{module}")
        return text[start : text.index(");", start) + 2]

    def ports(self, module: str) -> dict[str, tuple[str, str]]:
        """Return direction and width, as written, of each port by its name."""
        matches = PORT.finditer(self.header(module))
        return {match[3]: (match[1], (match[2] or "").replace(" ", "")) for match in matches}

    def size(self, module: str) -> int:
        """Return the lines of the module that are neither empty nor comment."""
        lines = (line.strip() for line in self.sources[module].splitlines())
        return sum(bool(line) and not line.startswith("//") for line in lines)

    @contextmanager
    def folder(self, mutant: Mutant | None = None) -> Iterator[Path]:
        """Write the design to a temporary folder, with the mutant in place of its module."""
        with TemporaryDirectory(prefix="ffp8-mutant-") as name:
            folder = Path(name) / "hdl"
            self.write(folder, mutant)
            yield folder

    def write(self, folder: Path, mutant: Mutant | None = None) -> None:
        """Write the design to a new folder, with the mutant in place of its module."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.headers.items():
            (folder / name).write_text(text, encoding="utf-8")
        for module, text in self.sources.items():
            replaced = mutant is not None and mutant.module == module
            content = mutant.text if replaced else text
            (folder / f"ffp8_{module}.v").write_text(content, encoding="utf-8")
