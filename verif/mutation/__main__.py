"""Mutation campaign: ``python -m verif.mutation --help``."""

import sys

from verif.commands.running import run_command
from verif.mutation.command import main

if __name__ == "__main__":
    sys.exit(run_command("mutate", main))
