"""What a mutant is, what becomes of it, and the error that ends a campaign."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

Parameters = Mapping[str, int]
SOURCE, NETLIST = "source", "netlist"


class MutationError(Exception):
    """The campaign cannot go on; the message is meant for a person."""


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Attributes
    ----------
    module : str
        Name of the module, without ``ffp8_``.
    kind : str
        ``source`` or ``netlist``.
    operation : str
        What was done, in a word: a kind of `source.KINDS`, or a mode of Yosys's ``mutate``.
    line : int
        Line of the change in the module's file, from 1.
    source : str
        The text of the design there.
    change : str
        What changed, in words.
    text : str
        The module with the change in it, Verilog.
    parameters : Mapping or None
        Parameters that a netlist is good for; None for source, which is good for any.
    """

    module: str
    kind: str
    operation: str
    line: int
    source: str
    change: str
    text: str = field(repr=False)
    parameters: Parameters | None = None

    @property
    def key(self) -> str:
        """Hash that tells the mutant from all others, 16 hexadecimal digits."""
        settings = sorted(self.parameters.items()) if self.parameters is not None else None
        return digest(self.module, self.text, settings)[:16]

    @property
    def identity(self) -> tuple[str, str, str]:
        """What remains of it when other lines of the file change: module, source, change."""
        return self.module, self.source, self.change

    def __str__(self) -> str:
        """Return place, source and change in one line."""
        return f"ffp8_{self.module}.v:{self.line} `{self.source}`: {self.change}"


@dataclass(frozen=True)
class Proof:
    """What SAT says about a mutant at one parameter set.

    Attributes
    ----------
    parameters : Mapping
        The set.
    result : str
        ``equivalent``, ``different`` or ``unknown``.
    method : str
        How that was found.
    depth : int
        Cycles, from the first on, in which no output differs; 0 where that was not looked at.
    seconds : float
        Time it took.
    """

    parameters: Parameters
    result: str
    method: str
    depth: int = 0
    seconds: float = 0.0


@dataclass
class Verdict:
    """What became of a mutant.

    Attributes
    ----------
    mutant : Mutant
        The mutant.
    status : str
        ``killed``, ``equivalent``, ``survived``, ``invalid`` (does not compile) or ``error``
        (nothing was learned; the campaign fails).
    killed_by : str
        Name of the case that noticed it.
    how : str
        ``failed``, ``crash`` or ``timeout``.
    test : str
        The test that failed.
    proofs : list of Proof
        What SAT says, where it was asked.
    detail : str
        Message of an error or of a compiler.
    seconds : float
        Time that it took.
    simulated : float
        CPU time of its simulations, in seconds.
    evidence : str
        Hash of all that decided it.
    """

    mutant: Mutant
    status: str = "survived"
    killed_by: str = ""
    how: str = ""
    test: str = ""
    proofs: list[Proof] = field(default_factory=list)
    detail: str = ""
    seconds: float = 0.0
    simulated: float = 0.0
    evidence: str = ""

    @property
    def by_own_bench(self) -> bool:
        """Whether the module's own bench killed it."""
        return self.killed_by.partition("-")[0] == self.mutant.module

    @property
    def depth(self) -> int:
        """Cycles in which it is proven not to differ, at the set where that are the fewest."""
        return min(
            (proof.depth for proof in self.proofs if proof.result != "equivalent"), default=0
        )

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON, without the mutant's text."""
        content = asdict(self)
        del content["mutant"]["text"]
        return {"key": self.mutant.key, **content}


def digest(*parts: object) -> str:
    """Return the SHA-256 of the parts' representations, in hexadecimal."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
