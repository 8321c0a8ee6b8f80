"""Command lines whose errors are one sentence about the variable that `make` takes."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import NoReturn

OPTION = re.compile(r"argument --([\w-]+): ?")


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong: option ``--jobs`` is called ``JOBS``."""

    def error(self, message: str) -> NoReturn:
        """End the program with status 2."""
        option = OPTION.match(message)
        if option:
            rest = message[option.end() :]
            message = f"{option[1].upper()}{'' if rest.startswith('=') else ': '}{rest}"
        self.exit(2, f"{self.prog}: {message}\n")


def whole(least: int | None = None) -> Callable[[str], int]:
    """Return what turns an option's text into an integer, at least this one if any."""
    wanted = "a whole number" + ("" if least is None else f", at least {least},") + " is wanted"

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or (least is not None and number < least):
            raise argparse.ArgumentTypeError(f"={text}: {wanted}")
        return number

    return convert


SHAPE_HELP = "SHAPE=: of the input where the file leaves sizes open, as in 1,3,48,320"


def sizes(text: str) -> tuple[int, ...]:
    """Turn an option's text into the sizes of a tensor."""
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"={text}: sizes above zero are wanted, as in 1,3,48,320")
    return tuple(map(int, text.split(",")))


def positive(text: str) -> float:
    """Turn an option's text into a number above zero."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (0 < number < math.inf):
        raise argparse.ArgumentTypeError(f"={text}: a number above zero is wanted")
    return number
