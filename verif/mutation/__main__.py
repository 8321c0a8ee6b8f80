"""Mutation campaign: ``python -m verif.mutation --help``."""

import sys

from verif.commands.interrupts import interrupt_once
from verif.mutation.command import main

if __name__ == "__main__":
    interrupt_once()
    sys.exit(main())
