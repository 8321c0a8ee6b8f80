"""A form in which an operator can be written, and the opsets that know it."""

from dataclasses import dataclass, field

import numpy as np

from tests.graph.importing.opsets import NEWEST
from tests.graph.tiny_networks import Operator, operator


@dataclass(frozen=True)
class Form:
    """Operators that follow a convolution, whose result ``c`` is (4, 8, 9), and end in ``y``.

    ``kind`` is the operator that the form is of; opsets from ``first`` to ``last`` know it. The
    input of the network has ``batch`` images, any number where it is a name. A form that is
    ``refused``, in these words, is one that mixes images, or that onnxruntime lacks.
    """

    kind: str
    name: str
    operators: tuple[Operator, ...]
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    first: int = 7
    last: int = NEWEST
    batch: int | str = "N"
    refused: str = ""

    def __str__(self) -> str:
        """Name the form in the list of tests."""
        return f"{self.kind} {self.name}"


def form(
    kind: str,
    name: str,
    inputs: str = "c",
    *,
    first: int = 7,
    last: int = NEWEST,
    before: tuple[Operator, ...] = (),
    after: tuple[Operator, ...] = (),
    constants: dict[str, np.ndarray] | None = None,
    batch: int | str = "N",
    refused: str = "",
    **attributes: object,
) -> Form:
    """Make a form of one operator, with what it reads before and what reads it behind."""
    output = "z" if after else "y"
    operators = (*before, operator(kind, inputs, output, **attributes), *after)
    return Form(kind, name, operators, constants or {}, first, last, batch, refused)
